{{- define "type_members" -}}
{{- $field := .field -}}
{{- $required := "yes" -}}
{{- $rules := list -}}
{{- range $field.Validation -}}
{{- if hasPrefix "Optional" . -}}{{- $required = "" -}}
{{- else if not (hasPrefix "Type" .) -}}{{- $rules = append $rules . -}}{{- end -}}
{{- end -}}
{{- $default := trim $field.Default -}}
{{- if eq (nospace $default) "{}" -}}{{- $default = "[]" -}}{{- end }}
| `{{ $field.Name }}` | {{ markdownRenderType $field.Type }} | {{ $required }} | {{ if $default }}`{{ $default }}`{{ end }} | {{ if and .root (eq $field.Name "metadata") }}Name, namespace, labels and annotations, as of every Kubernetes object.{{ else }}{{ markdownRenderFieldDoc $field.Doc | replace "<br />" " " }}{{ end }}{{ range $rules }}<br />{{ markdownRenderFieldDoc . }}{{ end }} |
{{- end -}}
