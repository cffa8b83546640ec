{{/* Which stores there are, and how pods of ours are told of them: files in /etc/jobhopper. */}}

{{/* (dict "root" $ "store" "mysql"): "yes" when it is there, in the chart or elsewhere. */}}
{{- define "jobhopper.has" -}}
{{- $external := index .root.Values.external .store -}}
{{- if or (index .root.Values .store).enabled $external.host (and $external.existingSecret $external.urlKey) }}yes{{ end }}
{{- end }}

{{/* What can't be meant; each message names the values. */}}
{{- define "jobhopper.checkStores" -}}
{{- range $store := list "mysql" "rabbitmq" "redis" }}
{{- $external := index $.Values.external $store }}
{{- if and (index $.Values $store).enabled (or $external.host $external.existingSecret) }}
{{- fail (printf "external.%s is set while %s.enabled is true: set %s.enabled=false to use the external one" $store $store $store) }}
{{- end }}
{{- if and (or $external.urlKey $external.usernameKey) (not $external.existingSecret) }}
{{- fail (printf "external.%s.urlKey and usernameKey are keys of external.%s.existingSecret, which is empty" $store $store) }}
{{- end }}
{{- end }}
{{- if not (include "jobhopper.has" (dict "root" . "store" "mysql")) }}
{{- fail "mysql.enabled is false and external.mysql.host is empty: Jobhopper needs MySQL" }}
{{- end }}
{{- end }}

{{/* (dict "root" $ "stores" (list …) "keys" bool): each setting names a file. */}}
{{- define "jobhopper.env" -}}
- name: JOBHOPPER_LOG_LEVEL
  value: {{ .root.Values.logLevel }}
{{- range .stores }}
{{- if include "jobhopper.has" (dict "root" $.root "store" .) }}
- name: JOBHOPPER_{{ upper . }}_URL_FILE
  value: /etc/jobhopper/secrets/{{ . }}-url
{{- end }}
{{- end }}
{{- if .keys }}
- name: JOBHOPPER_ADMIN_KEY_FILE
  value: /etc/jobhopper/secrets/admin-key
- name: JOBHOPPER_LEASE_KEYS_FILE
  value: /etc/jobhopper/secrets/lease-keys
{{- end }}
{{- end }}

{{- define "jobhopper.mounts" -}}
- name: secrets
  mountPath: /etc/jobhopper/secrets
  readOnly: true
{{- range .stores }}
{{- if (index $.root.Values.external .).tls.caSecret }}
- name: {{ . }}-ca
  mountPath: /etc/jobhopper/{{ . }}-ca
  readOnly: true
{{- end }}
{{- end }}
{{- end }}

{{- define "jobhopper.volumes" -}}
- name: secrets
  projected:
    defaultMode: 0440
    sources:
      {{- range .stores }}
      {{- if include "jobhopper.has" (dict "root" $.root "store" .) }}
      {{- $external := index $.root.Values.external . }}
      - secret:
          name: {{ ternary $external.existingSecret (printf "%s-urls" (include "jobhopper.fullname" $.root)) (not (empty $external.urlKey)) }}
          items: [{key: {{ $external.urlKey | default (printf "%s-url" .) }}, path: {{ . }}-url}]
      {{- end }}
      {{- end }}
      {{- if .keys }}
      - secret:
          name: {{ include "jobhopper.keysSecret" .root }}
          items: [{key: admin-key, path: admin-key}, {key: lease-keys, path: lease-keys}]
      {{- end }}
{{- range .stores }}
{{- $tls := (index $.root.Values.external .).tls }}
{{- if $tls.caSecret }}
- name: {{ . }}-ca
  secret:
    secretName: {{ $tls.caSecret }}
    items: [{key: {{ $tls.caKey }}, path: ca.crt}]
{{- end }}
{{- end }}
{{- end }}

{{- define "jobhopper.keysSecret" -}}
{{- .Values.secrets.existingSecret | default (printf "%s-keys" (include "jobhopper.fullname" .)) -}}
{{- end }}
