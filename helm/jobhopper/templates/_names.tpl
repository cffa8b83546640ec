{{/* What things are called. The subcharts use these too, so the chart's name is written out. */}}

{{- define "jobhopper.fullname" -}}
{{- $name := ternary .Release.Name (printf "%s-jobhopper" .Release.Name) (contains "jobhopper" .Release.Name) -}}
{{- $name | trunc 40 | trimSuffix "-" -}}
{{- end }}

{{/* (dict "root" $ "component" "api"): what finds the pods of one component. */}}
{{- define "jobhopper.selector" -}}
app.kubernetes.io/name: jobhopper
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* (dict "root" $ "component" "api"): name and labels of an object. */}}
{{- define "jobhopper.metadata" -}}
name: {{ include "jobhopper.fullname" .root }}-{{ .component }}
namespace: {{ .root.Release.Namespace }}
labels: {{- include "jobhopper.labels" . | nindent 2 }}
{{- end }}

{{- define "jobhopper.labels" -}}
{{ include "jobhopper.selector" . }}
app.kubernetes.io/part-of: jobhopper
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | default .root.Chart.Version | quote }}
helm.sh/chart: jobhopper-{{ .root.Chart.Version | replace "+" "_" }}
{{- end }}

{{/* (dict "root" $ "name" "api"): one of our images. */}}
{{- define "jobhopper.image" -}}
{{- $image := .root.Values.image -}}
{{- with $image.registry }}{{ . }}/{{ end }}jobhopper/{{ .name }}:{{ $image.tag | default .root.Chart.AppVersion }}
{{- end }}

{{- define "jobhopper.url" -}}
http://{{ include "jobhopper.fullname" . }}-api.{{ .Release.Namespace }}:{{ .Values.api.service.port }}
{{- end }}
