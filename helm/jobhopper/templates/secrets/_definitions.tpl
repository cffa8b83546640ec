{{/* What RabbitMQ sets up at each start: the user, and when a queue refuses. The queues themselves
are declared by the services. */}}
{{- define "jobhopper.definitions" -}}
{{- dict
  "vhosts" (list (dict "name" "/"))
  "users" (list (dict "name" "jobhopper" "password" .Values.made.rabbitmq "tags" (list "monitoring") "limits" dict))
  "permissions" (list (dict "user" "jobhopper" "vhost" "/" "configure" ".*" "write" ".*" "read" ".*"))
  "policies" (list (dict "vhost" "/" "name" "jobhopper" "pattern" "^jobhopper\\.(creates|updates)\\." "apply-to" "quorum_queues" "priority" 0
    "definition" (dict "max-length-bytes" (int64 .Values.rabbitmq.queueMaxBytes))))
  | toJson }}
{{- end }}
