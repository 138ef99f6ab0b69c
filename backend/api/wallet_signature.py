"""Whether an account signed a text in its wallet (EIP-191), with its key or as a contract."""

from __future__ import annotations

from eth_abi.abi import encode as abi_encode
from eth_account import Account
from eth_account.messages import encode_defunct
from eth_utils.crypto import keccak

from backend.chain.context import ChainContext
from backend.chain.rpc import RpcError
from backend.oracle.digests import signer_of

_EIP1271_MAGIC = bytes.fromhex("1626ba7e")


def is_signed(chain: ChainContext, account: str, message: str, signature: bytes) -> bool:
    """True if the account (checksummed) signed: with its key, or, being a contract, as EIP-1271
    says."""
    signable = encode_defunct(text=message)
    try:
        by = Account.recover_message(signable, signature=signature)
    except Exception:  # not 65 bytes, or no point of the curve: not a signature by a key
        by = None
    if by == account:
        return True
    digest = keccak(b"\x19E" + signable.header + signable.body)
    return _contract_says_yes(chain, account, digest, signature)


def is_signed_digest(chain: ChainContext, account: str, digest: bytes, signature: bytes) -> bool:
    """True if the account (checksummed) signed an EIP-712 digest; as `is_signed`."""
    if signer_of(digest, signature) == account:
        return True
    return _contract_says_yes(chain, account, digest, signature)


def _contract_says_yes(chain: ChainContext, account: str, digest: bytes, signature: bytes) -> bool:
    if chain.rpc.call("eth_getCode", account, "latest") in ("0x", None):
        return False
    data = _EIP1271_MAGIC + abi_encode(["bytes32", "bytes"], [digest, signature])
    try:
        answer = chain.rpc.call("eth_call", {"to": account, "data": "0x" + data.hex()}, "latest")
    except RpcError:
        return False
    return bytes.fromhex(answer[2:])[:4] == _EIP1271_MAGIC
