def handler(event, context):
    return event.get("body", "done")
