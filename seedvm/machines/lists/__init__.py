"""The operator's lists of machines as other tools write them, a module per format; `read` recognises them, `write` exports."""
