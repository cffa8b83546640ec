{{- define "jobhopper.rabbitmqConfig" -}}
# A consumer that froze gives its queues up within half a minute.
heartbeat = 15
# Publishing stops before the disk is full; the default, 50 MB, is too late for quorum queues.
disk_free_limit.absolute = {{ .Values.diskFreeLimit }}
vm_memory_high_watermark.absolute = {{ .Values.memoryHighWatermark }}
# The user and the policy, at each start: a password that was changed is taken up.
load_definitions = /etc/jobhopper/definitions.json
{{- with .Values.extraConfig }}
{{ . }}
{{- end }}
{{- end }}
