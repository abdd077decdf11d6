"""Names: whether a domain is found in the DNS, and at which addresses.

The answers of one run are kept for all its connections, so that each goes to an address that was looked at, whatever
the name server says a moment later. The addresses are judged by `plugin_host.http` at each connection.
Source: dnspython 2.9 documentation, chapters "Stub Resolver" and "Asynchronous I/O Support"; RFC 1035, RFC 7766.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import dns.asyncresolver
import dns.exception
import dns.message
import dns.name
import dns.nameserver
import dns.resolver

from .operator_settings import OperatorSettings

# For both families together, tries included; for one question to one name server.
LOOKUP_SECONDS: Final = 5.0
_TRY_SECONDS: Final = 1.5


class NotFoundInDns(OSError):
    """A name has no address; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """What the DNS says of a name.

    Args:
        addresses: IPv4 and IPv6, in that order, as connections try them.
        problem: Why there is no address, and what to do; empty where there is one.
        partly: What is wrong though there is an address.
        alias_of: The name at the end of its aliases, where it has any.
    """

    host: str
    addresses: tuple[str, ...] = ()
    problem: str = ""
    partly: str = ""
    alias_of: str = ""

    @property
    def has_v4(self) -> bool:
        """Whether there is an IPv4 address."""
        return any(":" not in address for address in self.addresses)


class Lookups:
    """Looks names up, each one once; what `plugin_host.http` takes as its resolver."""

    def __init__(self, operator: OperatorSettings) -> None:
        self._operator = operator
        self._found: dict[str, asyncio.Task[Lookup]] = {}

    async def __call__(self, host: str, port: int) -> list[str]:
        """Return the addresses of a name.

        Raises:
            NotFoundInDns: It has none.
        """
        found = await self.find(host)
        if found.problem:
            raise NotFoundInDns(found.problem)
        return list(found.addresses)

    async def find(self, host: str) -> Lookup:
        """Return what the DNS says of a name; never raises."""
        name = host.rstrip(".").lower()
        if name not in self._found:
            self._found[name] = asyncio.create_task(self._look_up(name))
        # Shielded: who waits may run out of time while another one still wants the answer.
        return await asyncio.shield(self._found[name])

    async def close(self) -> None:
        """End what is under way."""
        for task in self._found.values():
            task.cancel()
        await asyncio.gather(*self._found.values(), return_exceptions=True)

    async def _look_up(self, host: str) -> Lookup:
        if _is_address(host):
            return Lookup(host=host, addresses=(host,))
        try:
            name = dns.name.from_text(f"{host}.")
            resolver = _resolver(self._operator)
        except dns.resolver.NoResolverConfiguration:
            return Lookup(
                host=host,
                problem="This machine has no name server: the operator has to set DOMAIN_HEALTH_RESOLVERS.",
            )
        except dns.exception.DNSException:
            return Lookup(
                host=host, problem=f"{host!r} is no name that the DNS can have: correct the domain."
            )
        v4, v6 = await asyncio.gather(_ask(resolver, name, "A"), _ask(resolver, name, "AAAA"))
        return _read(host, name, v4, v6)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    addresses: tuple[str, ...] = ()
    end: dns.name.Name | None = None
    problem: str = ""
    is_missing: bool = False


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _resolver(operator: OperatorSettings) -> dns.asyncresolver.Resolver:
    resolver = dns.asyncresolver.Resolver(configure=not operator.resolvers)
    if operator.resolvers:
        resolver.nameservers = [
            dns.nameserver.Do53Nameserver(address, port) for address, port in operator.resolvers
        ]
    resolver.timeout, resolver.lifetime = _TRY_SECONDS, LOOKUP_SECONDS
    return resolver


async def _ask(resolver: dns.asyncresolver.Resolver, name: dns.name.Name, kind: str) -> _Answer:
    # Truncated answers are asked for again over TCP by dnspython itself.
    try:
        found = await resolver.resolve(name, kind, raise_on_no_answer=False, search=False)
    except dns.resolver.NXDOMAIN:
        return _Answer(is_missing=True)
    except dns.resolver.LifetimeTimeout:
        return _Answer(
            problem="The name servers do not answer in time: check that the domain's name servers work."
        )
    except dns.resolver.NoNameservers as error:
        return _Answer(problem=_refusal(error))
    except (dns.exception.DNSException, OSError) as error:
        return _Answer(problem=f"The name could not be looked up ({type(error).__name__}).")
    rows: Iterable[Any] = found.rrset or ()
    return _Answer(addresses=tuple(row.address for row in rows), end=found.canonical_name)


def _refusal(error: dns.resolver.NoNameservers) -> str:
    """Return what the name servers said instead of an answer."""
    said = [entry[3] for entry in error.kwargs.get("errors", ())]
    if any(isinstance(one, dns.message.ChainTooLong) for one in said):
        return "The name is an alias that leads back to itself: correct the CNAME records."
    codes = sorted({one for one in said if isinstance(one, str)})
    if "SERVFAIL" in codes:
        return (
            "The name servers fail (SERVFAIL): check the delegation, the domain's name servers, "
            "DNSSEC, and whether its CNAME records lead in a circle."
        )
    if "REFUSED" in codes:
        return (
            "The name servers refuse to answer: check that the domain is delegated to servers that know it."
        )
    return f"The name servers give no usable answer ({', '.join(codes) or 'broken messages'})."


def _read(host: str, name: dns.name.Name, v4: _Answer, v6: _Answer) -> Lookup:
    addresses = (*v4.addresses, *v6.addresses)
    end = v4.end or v6.end
    alias_of = end.to_text(omit_final_dot=True) if end is not None and end != name else ""
    if addresses:
        failed = v4.problem or v6.problem
        family = "IPv4 (A)" if v4.problem else "IPv6 (AAAA)"
        partly = f"The question for {family} fails, which slows visitors down. {failed}" if failed else ""
        return Lookup(host=host, addresses=addresses, partly=partly, alias_of=alias_of)
    if problem := v4.problem or v6.problem:
        return Lookup(host=host, problem=problem, alias_of=alias_of)
    if v4.is_missing or v6.is_missing:
        problem = f"The DNS knows no {host}: add an A or AAAA record for it, or take the domain out."
    elif alias_of:
        problem = f"{host} is an alias of {alias_of}, which has no address: correct the CNAME record."
    else:
        problem = f"{host} has no address: add an A or AAAA record for it."
    return Lookup(host=host, problem=problem, alias_of=alias_of)
