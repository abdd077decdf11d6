import threading

PLUGIN_META = {"id": "hangs", "name": "Hangs", "version": "1.0.0"}
threading.Event().wait()
