"""The plugin SDK and its runtime.

Public modules, which plugins may import: `auth`, `base`, `bus`, `content`, `context`, `errors`, `hooks.*`, `hookspec`,
`http`, `models`, `registry`, `runtime`, `testing`; all others are private. Nothing is imported here: a plugin package
runs before Django's apps are ready.
"""
