{{/* What pods have in common. */}}

{{/* (dict "root" $ "user" 10001): the pod's part of the "restricted" profile, and no token. */}}
{{- define "jobhopper.podSecurity" -}}
automountServiceAccountToken: false
{{- /* Their variables would begin with JOBHOPPER_, and an unknown setting stops a service. */}}
enableServiceLinks: false
{{- with .root.Values.global.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: {{ .user }}
  runAsGroup: {{ .user }}
  fsGroup: {{ .user }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "jobhopper.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* A component's values: where its pods run. */}}
{{- define "jobhopper.placement" -}}
{{- with .nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}

{{/* (dict "root" $ "component" "api"): replicas are spread over nodes and zones where they can. */}}
{{- define "jobhopper.spread" -}}
topologySpreadConstraints:
  {{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "jobhopper.selector" $ | nindent 8 }}
  {{- end }}
{{- end }}

{{/* (dict "root" $ "component" "api"): labels of a pod of ours; no version, so that only what
changes a pod replaces it. */}}
{{- define "jobhopper.podLabels" -}}
{{ include "jobhopper.selector" . }}
{{- with .root.Values.podLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* On the port of metrics. Alive: its loops turn. */}}
{{- define "jobhopper.livenessProbes" -}}
startupProbe:
  httpGet: {path: /livez, port: metrics}
  periodSeconds: 2
  timeoutSeconds: 5
  failureThreshold: 60
livenessProbe:
  httpGet: {path: /livez, port: metrics}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 3
{{- end }}

{{/* Ready: it has its database and the right schema; a readiness probe that fails says in the log
what is waited for. */}}
{{- define "jobhopper.probes" -}}
{{ include "jobhopper.livenessProbes" . }}
readinessProbe:
  httpGet: {path: /readyz, port: metrics}
  periodSeconds: 3
  timeoutSeconds: 3
  failureThreshold: 2
{{- end }}

{{/* (dict "root" $ "component" "api" "stores" (list …) "keys" bool "env" "…" "ports" "…"):
the pod template of a service. */}}
{{- define "jobhopper.service" -}}
{{- $values := index .root.Values .component -}}
metadata:
  labels: {{- include "jobhopper.podLabels" . | nindent 4 }}
  annotations:
    checksum/secrets: {{ include "jobhopper.checksum" .root }}
    prometheus.io/scrape: "true"
    prometheus.io/port: "9464"
    prometheus.io/path: /metrics
    {{- with .root.Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  {{- include "jobhopper.podSecurity" (dict "root" .root "user" 10001) | nindent 2 }}
  {{- include "jobhopper.placement" $values | nindent 2 }}
  {{- include "jobhopper.spread" . | nindent 2 }}
  terminationGracePeriodSeconds: {{ $values.terminationGracePeriodSeconds }}
  containers:
    - name: {{ .component }}
      image: {{ include "jobhopper.image" (dict "root" .root "name" .component) }}
      imagePullPolicy: {{ .root.Values.image.pullPolicy }}
      securityContext: {{- include "jobhopper.containerSecurity" . | nindent 8 }}
      env:
        {{- include "jobhopper.env" . | nindent 8 }}
        - name: JOBHOPPER_SHARDS
          value: {{ .root.Values.shards | quote }}
        - name: JOBHOPPER_METRICS_LISTEN
          value: "9464"
        {{- with .env }}
        {{- . | nindent 8 }}
        {{- end }}
      ports:
        - name: metrics
          containerPort: 9464
        {{- with .ports }}
        {{- . | nindent 8 }}
        {{- end }}
      {{- include "jobhopper.probes" . | nindent 6 }}
      {{- with $values.drainSeconds }}
      lifecycle:
        preStop: {sleep: {seconds: {{ . }}}}
      {{- end }}
      resources: {{- toYaml $values.resources | nindent 8 }}
      volumeMounts: {{- include "jobhopper.mounts" . | nindent 8 }}
  volumes: {{- include "jobhopper.volumes" . | nindent 4 }}
{{- end }}

{{/*
(dict "root" $ "kind" "Deployment" "component" "api" "scaled" bool)
While a dump is restored nothing else may touch the database. Where an autoscaler decides, what runs
stays: a field that Helm gives up would fall back to one replica. Where no cluster can be asked the
field is left out.
*/}}
{{- define "jobhopper.replicas" -}}
{{- $name := printf "%s-%s" (include "jobhopper.fullname" .root) .component }}
{{- if include "jobhopper.restoring" .root }}
replicas: 0
{{- else if not .scaled }}
replicas: {{ (index .root.Values .component).replicas }}
{{- else }}
{{- with dig "spec" "replicas" 0 (lookup "apps/v1" .kind .root.Release.Namespace $name) }}
replicas: {{ . }}
{{- end }}
{{- end }}
{{- end }}

{{- define "jobhopper.restoring" -}}
{{- if and .Values.mysql.enabled .Values.backup.restore.file }}yes{{ end }}
{{- end }}

{{/* (dict "root" $ "component" "api" "fewest" 2): one replica at a time leaves a drained node. */}}
{{- define "jobhopper.disruptionBudget" -}}
{{- $values := index .root.Values .component -}}
{{- if and $values.podDisruptionBudget.enabled (gt (int .fewest) 1) -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {{- include "jobhopper.metadata" . | nindent 2 }}
spec:
  maxUnavailable: 1
  # A pod that waits for a store must not keep a node from being drained.
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels: {{- include "jobhopper.selector" . | nindent 6 }}
{{- end }}
{{- end }}
