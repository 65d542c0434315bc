"""Images, compositions and manifests of generated services, with a real container engine."""
