"""How the plugin is tried by `pytest --plugin-contract vercel-deployer`."""

from __future__ import annotations

from plugin_host.testing.contract import Example, HttpPeer, PeerAnswer

_DEPLOYMENT = '{"uid": "dpl_contract", "name": "site", "readyState": "READY", "url": "site.vercel.app"}'


def example(peer: HttpPeer) -> Example:
    """Say which secrets fit, and what Vercel answers."""
    hook = "/v1/integrations/deploy/prj_contract/hookcontract"
    peer.answer(
        hook, PeerAnswer(status=201, body=b'{"job": {"id": "1", "state": "PENDING", "createdAt": 1}}')
    )
    listed = f'{{"deployments": [{_DEPLOYMENT}]}}'.encode()
    peer.answer("/v6/deployments?projectId=prj_contract&limit=50", PeerAnswer(body=listed))
    peer.answer("/v9/projects/prj_contract", PeerAnswer(body=b'{"id": "prj_contract", "name": "site"}'))
    return Example(
        config={"quiet_seconds": 0},
        secrets={
            "deploy_hook": f"https://api.vercel.com{hook}",
            "token": "contract-token-0123456789",
        },
        services={"vercel": peer.url("")},
    )
