// The development accounts of a local chain by what they are in the demo (scripts/development.py).
import { mnemonicToAccount } from "viem/accounts";
import { bytesToHex } from "viem";

const MNEMONIC = "test test test test test test test test test test test junk";

const key = (index) => bytesToHex(mnemonicToAccount(MNEMONIC, { addressIndex: index }).getHdKey().privateKey);

export const AUTHORITY = key(3);
export const SECOND_AUTHORITY = key(4);
export const CERTIFIER = key(6);
/** House C2, which only draws. */
export const CONSUMER = key(9);
/** House P1, a prosumer with prepaid energy. */
export const HOUSEHOLD = key(10);
export const NEWCOMER = key(17);
export const VISITOR = key(18);
export const GUEST = key(19);
