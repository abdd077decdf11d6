"""A server that behaves as Netlify's API is documented, and a tenant's site there."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from tests.plugins.deployments.peer import Arrived, DeploymentPeer, Project, step_on
from tests.plugins.deployments.service import TOKEN, Service

HOOKS: Final = "/build_hooks/"


class NetlifyPeer(DeploymentPeer):
    def deploy(self, project: Project, **more: Any) -> dict[str, Any]:
        number = len(self.deployments) + 1
        return self.made(
            id=f"deploy{number}",
            site_id=project.id,
            build_id=f"build{number}",
            name=project.name,
            deploy_ssl_url=f"https://deploy{number}--{project.name}.netlify.app",
            ssl_url=f"https://{project.name}.netlify.app",
            admin_url=f"https://app.netlify.com/projects/{project.name}",
            created_at=datetime.now(UTC).isoformat(),
            **{"title": "", **more},
        )

    def answer(self, request: Arrived) -> tuple[int, Any]:
        if request.path.startswith(HOOKS):
            return self._hook(request.path.removeprefix(HOOKS), request.query)
        usable = self.usable(request.token)
        if not usable:
            return 401, self.error(401, "Access Denied: Origin unknown")
        match request.path.strip("/").split("/"):
            case ["api", "v1", "sites", name, *rest]:
                site = next((one for one in usable if name in (one.id, f"{one.name}.netlify.app")), None)
                return self._of_site(site, rest, request) if site else self._missing()
            case ["api", "v1", "deploys", identity]:
                return self._looked_at(usable, identity)
        return self._missing()

    def error(self, code: int, message: str) -> dict[str, Any]:
        return {"code": code, "message": message}

    def _missing(self) -> tuple[int, Any]:
        return 404, self.error(404, "Not Found")

    def _hook(self, hook: str, query: dict[str, str]) -> tuple[int, Any]:
        site = next((one for one in self.projects if hook in one.hooks), None)
        if site is None:
            return self._missing()
        self.deploy(site, title=query.get("trigger_title", "Deploy triggered by hook: cms"))
        return 200, None

    def _of_site(self, site: Project, rest: list[str], request: Arrived) -> tuple[int, Any]:
        match request.method, rest:
            case "GET", []:
                return 200, {"id": site.id, "name": site.name}
            case "GET", ["deploys"]:
                own = [_shown(one) for one in self.deployments if one["site_id"] == site.id]
                return 200, own[: int(request.query["per_page"])]
            case "POST", ["builds"]:
                made = self.deploy(site, title=request.query.get("title", ""))
                build = {"id": made["build_id"], "deploy_id": made["id"], "done": False}
                return 200, {**build, "created_at": made["created_at"]}
        return self._missing()

    def _looked_at(self, usable: list[Project], identity: str) -> tuple[int, Any]:
        for one in self.deployments:
            if one["id"] == identity and any(site.id == one["site_id"] for site in usable):
                step_on(one)
                return 200, _shown(one)
        return self._missing()


def _shown(deploy: dict[str, Any]) -> dict[str, Any]:
    shown = {name: value for name, value in deploy.items() if name != "states"}
    word, _, reason = deploy["states"][0].partition(": ")
    return {**shown, "state": {"queued": "enqueued"}.get(word, word), "error_message": reason or None}


NETLIFY: Final = Service(
    title="Netlify",
    name="netlify",
    plugin_id="netlify-deployer",
    peer=NetlifyPeer,
    project=Project(id="site-mine", name="mine", token=TOKEN, hooks={"hookOfMine123"}),
    hook_secret="build_hook",
    hook_address="https://api.netlify.com/build_hooks/hookOfMine123",
    hook_noun="build hook",
    project_setting="site",
    project_noun="site",
    config_by_hook={"site": "mine.netlify.app"},
    remote_id="deploy{}",
    url="https://deploy{}--mine.netlify.app",
    details_url="https://app.netlify.com/projects/mine/deploys/deploy{}",
    mark=lambda pk: {"title": f"Tenantry {pk}"},
)
