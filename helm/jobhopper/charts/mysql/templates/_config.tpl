{{- define "jobhopper.mysqlConfig" -}}
[mysqld]
transaction-isolation = READ-COMMITTED
# An answered write survives a crash of the machine.
innodb_flush_log_at_trx_commit = 1
sync_binlog = 1
# Rows are found by primary key: the log holds the changed columns, not the whole row.
log_bin = binlog
binlog_row_image = MINIMAL
binlog_expire_logs_seconds = 86400
# An envelope of writes is up to 2 MiB, a batch of them 8 MiB, and both travel as one statement.
max_allowed_packet = 64M
innodb_buffer_pool_size = {{ .Values.bufferPoolSize }}
innodb_redo_log_capacity = {{ .Values.redoLogCapacity }}
max_connections = {{ .Values.maxConnections }}
# Nobody here speaks the X protocol.
mysqlx = OFF
{{- with .Values.extraConfig }}
{{ . }}
{{- end }}
{{- end }}
