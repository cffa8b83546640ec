{{- define "jobhopper.redisConfig" -}}
# A hopper that is full says so; nothing in it may vanish by itself.
maxmemory {{ .Values.maxMemory }}
maxmemory-policy noeviction
appendonly yes
appendfsync everysec
save ""
include /etc/jobhopper/password.conf
{{- with .Values.extraConfig }}
{{ . }}
{{- end }}
{{- end }}
