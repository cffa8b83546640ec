{{- define "jobhopper.migration" -}}
{{- $values := .Values.migration -}}
{{- $pod := dict "root" . "component" "migration" "stores" (list "mysql") -}}
backoffLimit: {{ $values.backoffLimit }}
activeDeadlineSeconds: {{ $values.activeDeadlineSeconds }}
template:
  metadata:
    labels: {{- include "jobhopper.podLabels" $pod | nindent 6 }}
    annotations:
      # A password that was mended is a reason to try again.
      checksum/secrets: {{ include "jobhopper.checksum" . }}
      {{- with .Values.podAnnotations }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
  spec:
    {{- include "jobhopper.podSecurity" (dict "root" . "user" 10001) | nindent 4 }}
    {{- include "jobhopper.placement" $values | nindent 4 }}
    # A pod a try: each one's log stays.
    restartPolicy: Never
    terminationGracePeriodSeconds: 30
    containers:
      - name: migration
        image: {{ include "jobhopper.image" (dict "root" . "name" "migrator") }}
        imagePullPolicy: {{ .Values.image.pullPolicy }}
        securityContext: {{- include "jobhopper.containerSecurity" . | nindent 10 }}
        env: {{- include "jobhopper.env" $pod | nindent 10 }}
        # What it said last stands in the pod's status, too.
        terminationMessagePolicy: FallbackToLogsOnError
        resources: {{- toYaml $values.resources | nindent 10 }}
        volumeMounts: {{- include "jobhopper.mounts" $pod | nindent 10 }}
    volumes: {{- include "jobhopper.volumes" $pod | nindent 6 }}
{{- end }}
