from core.logging import get_logger

logger = get_logger(__name__)

PLUGIN_META = {
    "id": "tells-the-token",
    "name": "Writes its token into the log",
    "version": "1.0",
    "secrets_schema": {"type": "object", "properties": {"token": {"type": "string"}}, "required": ["token"]},
}


def register(ctx):
    def created(event):
        logger.info("calling https://example.org/?token=%s", ctx.get_secrets().require("token"))

    ctx.on_record_create(None, created)
