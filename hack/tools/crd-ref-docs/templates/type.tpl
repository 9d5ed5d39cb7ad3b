{{- define "type" -}}
{{- $type := . -}}
{{- if markdownShouldRenderType $type }}

## {{ $type.Name }}

{{ $type.Doc }}
{{- if $type.IsAlias }}

Underlying type: {{ markdownRenderType $type.UnderlyingType }}
{{- end }}
{{- if $type.Validation }}

Validation: {{ join "; " $type.Validation }}
{{- end }}
{{- if $type.References }}

Appears in: {{ range $i, $ref := $type.SortedReferences }}{{ if $i }}, {{ end }}{{ markdownRenderTypeLink $ref }}{{ end }}
{{- end }}
{{- if $type.Members }}

| Field | Type | Required | Default | Description |
| --- | --- | --- | --- | --- |
{{- if $type.GVK }}
| `apiVersion` | string | yes | | `{{ $type.GVK.Group }}/{{ $type.GVK.Version }}` |
| `kind` | string | yes | | `{{ $type.GVK.Kind }}` |
{{- end }}
{{- range $type.Members }}
{{- template "type_members" (dict "field" . "root" $type.GVK) }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}
