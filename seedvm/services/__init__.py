"""The services of a controller, each declared once in its element (`elements/<service>/service.yaml`): records, reader, merge."""
