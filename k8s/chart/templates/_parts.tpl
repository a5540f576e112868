{{- define "todos.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{/* A number of a values file is a float to Helm, which would print 1000000 as 1e+06. */}}
{{- define "todos.text" -}}
{{- if kindIs "float64" . }}{{ printf "%.0f" . | quote }}{{ else }}{{ toString . | quote }}{{ end }}
{{- end }}

{{- define "todos.podSecurity" -}}
runAsNonRoot: true
runAsUser: 1000
runAsGroup: 1000
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "todos.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* A variable from the Secret: (list $ "NAME"), and "optional" where it may be missing. */}}
{{- define "todos.secretVariable" -}}
{{- $name := index . 1 -}}
- name: {{ $name }}
  valueFrom:
    secretKeyRef:
      name: {{ (index . 0).Values.secret.name }}
      key: {{ $name }}
      {{- if gt (len .) 2 }}
      optional: true
      {{- end }}
{{- end }}

{{/* The database's tables come with the image, before any of its pods starts. */}}
{{- define "todos.migrate" -}}
- name: migrate
  image: {{ include "todos.image" . }}
  args: [node, dist/scripts/migrate.js]
  env:
    {{- include "todos.secretVariable" (list . "DATABASE_URL") | nindent 4 }}
    {{- include "todos.secretVariable" (list . "DATABASE_DIRECT_URL" "optional") | nindent 4 }}
  resources:
    requests:
      cpu: 100m
      memory: 128Mi
    limits:
      cpu: 500m
      memory: 256Mi
  volumeMounts:
    {{- include "todos.certificateMounts" . | nindent 4 }}
  securityContext:
    {{- include "todos.containerSecurity" . | nindent 4 }}
{{- end }}

{{/* Of managed stores: authorities, and client certificates with their keys. Settings name the files. */}}
{{- define "todos.certificateMounts" -}}
- name: certificates
  mountPath: /run/certificates
  readOnly: true
{{- end }}

{{/* Over zones and over nodes, where there are several; pods of an older rollout are not counted. */}}
{{- define "todos.spread" -}}
{{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
- topologyKey: {{ . }}
  maxSkew: 1
  whenUnsatisfiable: ScheduleAnyway
  matchLabelKeys: [pod-template-hash]
  labelSelector:
    matchLabels:
      app.kubernetes.io/name: {{ $ }}
{{- end }}
{{- end }}

{{- define "todos.labels" -}}
app.kubernetes.io/part-of: todos
app.kubernetes.io/name: {{ . }}
{{- end }}

{{/* To the mesh it is TCP: a proxy that speaks HTTP would answer pipelined requests one by one. */}}
{{- define "todos.meshTcp" -}}
{{- if eq .Values.entry.kind "istio" }}
appProtocol: tcp
{{- end }}
{{- end }}

{{- define "todos.kafkaVoters" -}}
{{- $voters := list }}
{{- range until (int .Values.kafka.replicas) }}
{{- $voters = append $voters (printf "%d@kafka-%d.kafka:9093" . .) }}
{{- end }}
{{- join "," $voters }}
{{- end }}
