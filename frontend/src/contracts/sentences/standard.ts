import { formatEnergy } from "../../units/energy";
import { formatInr } from "../../units/money";
import { formatMoment } from "../../units/time";
import { ROLE_NAMES, type Sentences } from "./types";

/** Refusals of the token, of access control and of the libraries below. */
export const standardSentences = {
  GridToken_LengthMismatch: () => "Receivers, units and amounts must be equally many.",
  GridToken_BatchTooLong: (_length, max) => `At most ${max} transfers fit into one transaction.`,
  GridToken_NothingParked: () => "No energy is parked for this wallet.",
  GridToken_OnlySelf: () => "Only the token itself may do this.",
  GridToken_TooLittleGas: () => "The transaction has too little gas for all its receivers. Raise the gas limit in the wallet.",
  GridToken_UnknownId: (id) => `There is no unit number ${id}; 0 is INR, 1 energy, 2 CO2.`,

  AccessManagerAlreadyScheduled: () => "This operation is announced already and waits for its time.",
  AccessManagerBadConfirmation: () => "A role is given up by its holder only.",
  AccessManagerExpired: () => "The announced operation waited too long. Announce it again.",
  AccessManagerInvalidInitialAdmin: () => "The first administrator cannot be the zero address.",
  AccessManagerLockedFunction: () => "This function's access cannot be changed.",
  AccessManagerLockedRole: () => "This role cannot be changed.",
  AccessManagerNotReady: () => "The announced operation still has to wait for its time.",
  AccessManagerNotScheduled: () => "This operation has to be announced first, so that all can see it coming.",
  AccessManagerUnauthorizedAccount: (_account, role) =>
    `This wallet is not the community's ${ROLE_NAMES[role.toString()] ?? `holder of role ${role}`}.`,
  AccessManagerUnauthorizedCall: () => "This wallet may not do that.",
  AccessManagerUnauthorizedCancel: () => "This wallet may not cancel that operation.",
  AccessManagerUnauthorizedConsume: () => "Only the target contract may use an announced operation.",

  AddressEmptyCode: () => "There is no contract at the address that was called.",
  AccessManagedInvalidAuthority: () => "The new role table is not a contract.",
  AccessManagedRequiredDelay: () => "This has to be announced first and takes effect later, so that all can see it coming.",
  AccessManagedUnauthorized: () => "This wallet does not have the role for that. Connect the wallet of somebody who has.",
  ECDSAInvalidSignature: () => "A signature is not valid.",
  ECDSAInvalidSignatureLength: () => "A signature has the wrong length.",
  ECDSAInvalidSignatureS: () => "A signature is not in its canonical form.",
  ERC20InsufficientAllowance: () => "The stablecoin is not released to the desk yet. Approve it first.",
  ERC20InsufficientBalance: () => "This wallet does not hold enough of the stablecoin.",
  ERC20InvalidApprover: () => "The stablecoin refuses this approval.",
  ERC20InvalidReceiver: () => "The stablecoin refuses this receiver.",
  ERC20InvalidSender: () => "The stablecoin refuses this sender.",
  ERC20InvalidSpender: () => "The stablecoin refuses this spender.",
  ERC2612ExpiredSignature: (deadline) =>
    `The permission was valid until ${formatMoment(Number(deadline))}. Sign a new one.`,
  ERC2612InvalidSigner: () => "The stablecoin's permission is signed by another wallet. Sign it again.",
  ERC1155InsufficientBalance: (_sender, balance, needed, id) =>
    id === 0n
      ? `This wallet holds ${formatInr(balance, "down")}; ${formatInr(needed, "up")} are needed. Buy INR, or pay with ether.`
      : `This wallet holds ${formatEnergy(balance)}; ${formatEnergy(needed)} are needed.`,
  ERC1155InvalidApprover: () => "The token refuses this approval.",
  ERC1155InvalidArrayLength: () => "Units and amounts must be equally many.",
  ERC1155InvalidOperator: () => "The token refuses this operator.",
  ERC1155InvalidReceiver: () => "The receiver cannot hold the community's units.",
  ERC1155InvalidSender: () => "The token refuses this sender.",
  ERC1155MissingApprovalForAll: () => "The contract may not take units from this wallet yet. Allow it first.",
  EnforcedPause: () => "This is paused for the moment. Redeeming, refunds and withdrawals still work.",
  ExpectedPause: () => "This is not paused.",
  ReentrancyGuardReentrantCall: () => "The call came back into the contract while it was running, which is not allowed.",
  SafeERC20FailedOperation: () => "The stablecoin refused the transfer. Check its balance and permission.",
  TokenReceiver_ForeignToken: () => "This contract takes the community's own units only.",
  TokenReceiver_UnwantedId: () => "This contract does not take units of that kind.",
  FailedCall: () => "A contract that was called failed without a reason.",
  InsufficientBalance: () => "The contract does not hold enough ether for this.",
  InvalidAccountNonce: () => "The permission was used already. Sign a new one.",
  InvalidShortString: () => "A name in the contract is too long.",
  StringTooLong: () => "A name in the contract is too long.",
  SafeCastOverflowedIntDowncast: () => "A number is too large.",
  SafeCastOverflowedIntToUint: () => "A number is negative where it must not be.",
  CheckpointUnorderedInsertion: () => "This change belongs before one that was made already. Try again in the next slot.",
  SafeCastOverflowedUintDowncast: () => "A number is too large.",
} satisfies Sentences;
