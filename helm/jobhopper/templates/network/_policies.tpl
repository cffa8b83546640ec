{{/* Who talks to whom, stated once: callers by what they call. */}}

{{/* (dict "root" $ "stores" (list …)): egress to names and to stores, wherever they are. */}}
{{- define "jobhopper.egress" -}}
- ports:
    - {port: 53, protocol: UDP}
    - {port: 53, protocol: TCP}
{{- range .stores }}
{{- if (index $.root.Values .).enabled }}
- to:
    - podSelector:
        matchLabels: {{- include "jobhopper.selector" (dict "root" $.root "component" .) | nindent 10 }}
  ports:
    - {port: {{ include "jobhopper.storePort" . }}, protocol: TCP}
{{- else if include "jobhopper.has" (dict "root" $.root "store" .) }}
- ports:
    - {port: {{ (index $.root.Values.external .).port }}, protocol: TCP}
  {{- with $.root.Values.networkPolicy.storesTo }}
  to: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "jobhopper.storePort" -}}
{{- index (dict "mysql" 3306 "rabbitmq" 5672 "redis" 6379) . -}}
{{- end }}

{{/* (dict "from" peers "port" 9464): ingress from those peers, or from everyone. */}}
{{- define "jobhopper.ingressFrom" -}}
- ports:
    - {port: {{ .port }}, protocol: TCP}
  {{- with .from }}
  from: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{/* (dict "root" $ "store" "mysql" "callers" (list …)): ingress from components of this release. */}}
{{- define "jobhopper.ingressToStore" -}}
- ports:
    - {port: {{ include "jobhopper.storePort" .store }}, protocol: TCP}
  from:
    - podSelector:
        matchLabels:
          app.kubernetes.io/name: jobhopper
          app.kubernetes.io/instance: {{ .root.Release.Name }}
        matchExpressions:
          - {key: app.kubernetes.io/component, operator: In, values: [{{ join ", " .callers }}]}
{{- end }}
