from plugin_host.testing.contract import Example


def example(peer):
    return Example(config={"protocol": "https"})
