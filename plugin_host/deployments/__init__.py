"""For plugins that have a service deploy the site: everything but what is the service's own.

    class PagesDeployer(DeploymentPlugin):
        name = "pages-deployer"
        version = "1.0.0"
        service = http.Service(name="pages", title="Pages", address="https://api.pages.example")
        CONFIG_SCHEMA = deployment_config_schema({"project": {"type": "string", "title": "Project"}})

        def deployment_service(self, config, secrets):
            return PagesClient(config["project"], secrets.require("token"))

The client has the methods of `DeploymentService`. The tables stand in `plugin_host.deployments.models`, because models
can be imported only when Django's apps are ready.
"""

from plugin_host.deployments.plugin import DeploymentPlugin
from plugin_host.deployments.rules import deployment_config_schema
from plugin_host.deployments.service import DeploymentService, RemoteDeployment
from plugin_host.deployments.states import DeploymentState

__all__ = [
    "DeploymentPlugin",
    "DeploymentService",
    "DeploymentState",
    "RemoteDeployment",
    "deployment_config_schema",
]
