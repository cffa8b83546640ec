{{/* (dict "root" $ "script" "backup.sh" "env" "…"): the pod that dumps or restores. It has MySQL's
own image, for its client. */}}
{{- define "jobhopper.backupPod" -}}
{{- $values := .root.Values.backup -}}
metadata:
  labels: {{- include "jobhopper.podLabels" (dict "root" .root "component" "backup") | nindent 4 }}
  annotations:
    checksum/config: {{ print (.root.Files.Get (printf "files/%s" .script)) (.root.Files.Get "files/mysql.sh") | sha256sum | trunc 32 }}
    {{- with .root.Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  {{- include "jobhopper.podSecurity" (dict "root" .root "user" 999) | nindent 2 }}
  {{- include "jobhopper.placement" $values | nindent 2 }}
  restartPolicy: Never
  terminationGracePeriodSeconds: 30
  containers:
    - name: {{ .script | trimSuffix ".sh" }}
      image: {{ .root.Values.mysql.image.repository }}:{{ .root.Values.mysql.image.tag }}
      imagePullPolicy: {{ .root.Values.mysql.image.pullPolicy }}
      command: [bash, /scripts/{{ .script }}]
      securityContext: {{- include "jobhopper.containerSecurity" .root | nindent 8 }}
      env:
        - name: MYSQL_HOST_NAME
          value: {{ include "jobhopper.fullname" .root }}-mysql
        {{- with .env }}
        {{- . | nindent 8 }}
        {{- end }}
      terminationMessagePolicy: FallbackToLogsOnError
      resources: {{- toYaml $values.resources | nindent 8 }}
      volumeMounts:
        - {name: scripts, mountPath: /scripts, readOnly: true}
        - {name: password, mountPath: /etc/jobhopper/secrets, readOnly: true}
        - {name: backups, mountPath: /backups}
        - {name: tmp, mountPath: /tmp}
  volumes:
    - name: scripts
      configMap: {name: {{ include "jobhopper.fullname" .root }}-backup}
    - name: password
      secret:
        secretName: {{ include "jobhopper.fullname" .root }}-mysql
        defaultMode: 0440
        items: [{key: password, path: password}]
    - name: backups
      persistentVolumeClaim:
        claimName: {{ $values.persistence.existingClaim | default (printf "%s-backup" (include "jobhopper.fullname" .root)) }}
    - name: tmp
      emptyDir: {sizeLimit: 64Mi}
{{- end }}

{{- define "jobhopper.backsUp" -}}
{{- if and .Values.mysql.enabled (or .Values.backup.enabled .Values.backup.restore.file) }}yes{{ end }}
{{- end }}
