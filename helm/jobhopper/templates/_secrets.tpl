{{/*
What is secret. It is made once: by "jobhopper.make", which keeps it in .Values.made for all
templates of one rendering, since chance would give each of them another. A later rendering finds
the Secrets of the first one in the cluster and keeps what stands in them.
*/}}

{{- define "jobhopper.make" -}}
{{- if not (hasKey .Values "made") }}
{{- $values := .Values }}
{{- $made := dict }}
{{- if not $values.secrets.existingSecret }}
{{- $keys := dict "root" . "component" "keys" }}
{{- $_ := set $made "admin-key" (include "jobhopper.kept" (merge (dict "value" $values.secrets.adminKey "key" "admin-key" "new" (printf "jh_%s_%s" (randAlphaNum 12 | lower) (randAlphaNum 40))) $keys)) }}
{{- $_ := set $made "lease-keys" (include "jobhopper.kept" (merge (dict "value" $values.secrets.leaseKeys "key" "lease-keys" "new" (printf "k1:%s" (randBytes 32))) $keys)) }}
{{- end }}
{{- range $store := list "mysql" "rabbitmq" "redis" }}
{{- if (index $values $store).enabled }}
{{- $auth := (index $values $store).auth }}
{{- $_ := set $made $store (include "jobhopper.kept" (dict "root" $ "component" $store "value" $auth.password "from" $auth.existingSecret "at" (printf "%s.auth" $store) "key" "password" "new" (randAlphaNum 32))) }}
{{- end }}
{{- end }}
{{- with $values.mysql }}
{{- if .enabled }}
{{- $_ := set $made "mysql-root" (include "jobhopper.kept" (dict "root" $ "component" "mysql" "value" .auth.rootPassword "from" .auth.existingSecret "at" "mysql.auth" "key" "root-password" "new" (randAlphaNum 32))) }}
{{- end }}
{{- end }}
{{- $_ := set $values "made" $made }}
{{- end }}
{{- end }}

{{/* The value that was given, else the one in the Secret that was named ("from"), else the one that
an earlier install made, else "new". */}}
{{- define "jobhopper.kept" -}}
{{- if .value }}
{{- .value }}
{{- else if .from }}
{{- include "jobhopper.readSecret" . }}
{{- else }}
{{- $own := printf "%s-%s" (include "jobhopper.fullname" .root) .component }}
{{- $found := lookup "v1" "Secret" .root.Release.Namespace $own | default dict }}
{{- $kept := index ($found.data | default dict) .key }}
{{- if $kept }}{{ $kept | b64dec }}{{ else }}{{ .new }}{{ end }}
{{- end }}
{{- end }}

{{/* (dict "root" $ "from" "name" "key" "password" "at" "mysql.auth"): a key of a Secret that has
to be there. */}}
{{- define "jobhopper.readSecret" -}}
{{- $found := lookup "v1" "Secret" .root.Release.Namespace .from | default dict }}
{{- $value := index ($found.data | default dict) .key }}
{{- if not $value }}
{{- fail (printf "%s.existingSecret: the Secret %s with the key %s is not in the namespace %s (a rendering without a cluster can't look: there, give the password, or for an external store urlKey)" .at .from .key .root.Release.Namespace) }}
{{- end }}
{{- $value | b64dec }}
{{- end }}

{{/* (dict "root" $ "store" "mysql"): the password of an external store; may be empty. */}}
{{- define "jobhopper.externalPassword" -}}
{{- $external := index .root.Values.external .store }}
{{- if $external.password }}
{{- $external.password }}
{{- else if $external.existingSecret }}
{{- include "jobhopper.readSecret" (dict "root" .root "from" $external.existingSecret "key" $external.passwordKey "at" (printf "external.%s" .store)) }}
{{- end }}
{{- end }}

{{- define "jobhopper.externalUser" -}}
{{- $external := index .root.Values.external .store }}
{{- if $external.usernameKey }}
{{- include "jobhopper.readSecret" (dict "root" .root "from" $external.existingSecret "key" $external.usernameKey "at" (printf "external.%s" .store)) }}
{{- else }}
{{- $external.username }}
{{- end }}
{{- end }}

{{/* (dict "root" $ "store" "mysql"): USER:PASSWORD of an external store; empty when it has neither. */}}
{{- define "jobhopper.credentials" -}}
{{- $user := include "jobhopper.externalUser" . }}
{{- $password := include "jobhopper.externalPassword" . }}
{{- if or $user $password -}}
{{ include "jobhopper.quoted" $user }}:{{ include "jobhopper.quoted" $password }}@
{{- end }}
{{- end }}

{{- define "jobhopper.mysqlUrl" -}}
{{- if .Values.mysql.enabled -}}
mysql://jobhopper:{{ include "jobhopper.quoted" .Values.made.mysql }}@{{ include "jobhopper.fullname" . }}-mysql:3306/jobhopper
{{- else -}}
{{- $at := .Values.external.mysql -}}
mysql://{{ include "jobhopper.credentials" (dict "root" . "store" "mysql") }}{{ $at.host }}:{{ $at.port }}/{{ $at.database }}
{{- if and $at.tls.enabled $at.tls.caSecret }}?ssl_ca=/etc/jobhopper/mysql-ca/ca.crt{{ else if $at.tls.enabled }}?ssl=true{{ end }}
{{- end }}
{{- end }}

{{- define "jobhopper.rabbitmqUrl" -}}
{{- if .Values.rabbitmq.enabled -}}
amqp://jobhopper:{{ include "jobhopper.quoted" .Values.made.rabbitmq }}@{{ include "jobhopper.fullname" . }}-rabbitmq:5672/%2F
{{- else -}}
{{- $at := .Values.external.rabbitmq -}}
{{ ternary "amqps" "amqp" $at.tls.enabled }}://{{ include "jobhopper.credentials" (dict "root" . "store" "rabbitmq") }}{{ $at.host }}:{{ $at.port }}/{{ include "jobhopper.quoted" $at.vhost }}
{{- if and $at.tls.enabled $at.tls.caSecret }}?ssl_options={{ include "jobhopper.quoted" (printf "{'ca_certs': '/etc/jobhopper/rabbitmq-ca/ca.crt', 'server_hostname': '%s'}" $at.host) }}{{ end }}
{{- end }}
{{- end }}

{{- define "jobhopper.redisUrl" -}}
{{- if .Values.redis.enabled -}}
redis://:{{ include "jobhopper.quoted" .Values.made.redis }}@{{ include "jobhopper.fullname" . }}-redis:6379/0
{{- else -}}
{{- $at := .Values.external.redis -}}
{{ ternary "rediss" "redis" $at.tls.enabled }}://{{ include "jobhopper.credentials" (dict "root" . "store" "redis") }}{{ $at.host }}:{{ $at.port }}/{{ $at.database }}
{{- if and $at.tls.enabled $at.tls.caSecret }}?ssl_ca_certs=/etc/jobhopper/redis-ca/ca.crt{{ end }}
{{- end }}
{{- end }}

{{/* Percent-encoded, a space too. */}}
{{- define "jobhopper.quoted" -}}
{{- . | urlquery | replace "+" "%20" -}}
{{- end }}

{{/* The URLs that the chart composes, as the data of a Secret. */}}
{{- define "jobhopper.urls" -}}
{{- include "jobhopper.make" . }}
{{- range $store := list "mysql" "rabbitmq" "redis" }}
{{- if and (include "jobhopper.has" (dict "root" $ "store" $store)) (not (index $.Values.external $store).urlKey) }}
{{ $store }}-url: {{ include (printf "jobhopper.%sUrl" $store) $ | b64enc }}
{{- end }}
{{- end }}
{{- end }}

{{/* Changes when a secret that the chart makes or reads does, so that the pods read it anew. */}}
{{- define "jobhopper.checksum" -}}
{{- include "jobhopper.make" . }}
{{- if not (hasKey .Values.made "checksum") }}
{{- $all := printf "%s %s" (include "jobhopper.urls" .) (toJson .Values.made) }}
{{- $_ := set .Values.made "checksum" (include "jobhopper.fingerprint" $all) }}
{{- end }}
{{- .Values.made.checksum }}
{{- end }}

{{/* A hash that is slow on purpose (scrypt): annotations are read by more people than Secrets, and
none of them shall find a weak password by trying. */}}
{{- define "jobhopper.fingerprint" -}}
{{- derivePassword 1 "maximum" . "jobhopper" "fingerprint" | sha256sum | trunc 32 -}}
{{- end }}
