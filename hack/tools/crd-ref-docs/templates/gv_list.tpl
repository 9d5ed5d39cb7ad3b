{{- define "gvList" -}}
<!-- Generated from api/v1alpha1 by `make docs`. Don't edit. -->
# Resources

The resources of API group `gravitee.io`, version `v1alpha1`. Fields, defaults and accepted values of `spec` are those of
the Gravitee Kubernetes Operator; what Apisync adds is optional.

{{ range . }}{{ template "gvDetails" . }}{{ end }}
{{- end -}}
