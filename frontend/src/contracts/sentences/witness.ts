import type { Sentences } from "./types";

const timeOf = (seconds: bigint | number) => `${new Date(Number(seconds) * 1000).toISOString().slice(0, 16).replace("T", " ")} UTC`;

/** Refusals of meters' secure elements, of accusations, and of the oracle nodes' bonds. */
export const witnessSentences = {
  ElementRegistry_UnknownMeter: (meter) => `Meter ${meter} is not registered.`,
  ElementRegistry_BadKey: () => "The public key is no point of P-256. Read it from the element again.",
  ElementRegistry_BadRegisters: () => "The registers have bits above the six of them.",
  ElementRegistry_NoElement: (meter) => `Meter ${meter} has no secure element in force.`,
  ElementRegistry_NoSuchEnrolment: (meter, enrolment) => `Meter ${meter} has no enrolment ${enrolment}.`,
  ElementRegistry_Outdated: (meter) => `Meter ${meter} was replaced or reset since its element was enrolled. Enrol it again.`,
  ElementRegistry_AfterEnd: (meter, _enrolment, until) => `The element of meter ${meter} has counted for nothing since ${timeOf(until)}.`,
  ElementRegistry_BadSignature: () => "The meter's element did not sign this for this ledger.",
  ElementRegistry_OutOfRange: () => "With the device's offset a register would leave its range.",

  MeterWitness_BadSettings: () => "The window, the time to answer and the deposit must all be above zero.",
  MeterWitness_UnbondingTooShort: () => "Bonds would be free before a commitment can no longer be accused.",
  MeterWitness_WrongDeposit: (_sent, deposit) => `An accusation takes a deposit of ${deposit} wei.`,
  MeterWitness_WindowOver: (slot, until) => `Slot ${slot} could be accused until ${timeOf(until)}.`,
  MeterWitness_BadIndex: () => "The accused line is not among those proven.",
  MeterWitness_OtherMeter: (leaf, statement) => `The line is of meter ${leaf}, the statement of meter ${statement}.`,
  MeterWitness_NoContradiction: () => "The committed line and the meter's statement can both be true.",
  MeterWitness_AlreadyLodged: (meter) => `This statement of meter ${meter} is lodged already.`,
  MeterWitness_TooManySigners: (_given, max) => `At most ${max} signatures can be shown.`,
  MeterWitness_BadSigner: () => "The signatures must be of different nodes, in ascending order.",
  MeterWitness_NobodyLiable: () => "None of these signers has a bond that this slot has not cost it already.",
  MeterWitness_NotOpen: (id) => `Accusation ${id} is decided, or was never made.`,
  MeterWitness_TooLate: (until) => `The accusation could be answered until ${timeOf(until)}.`,
  MeterWitness_TooEarly: (until) => `The accusation can be answered until ${timeOf(until)}; conclude it after that.`,
  MeterWitness_NoRebuttal: () => "That statement does not bear the committed line out.",

  OracleBond_ZeroAddress: () => "Name an account; the zero address is nobody.",
  OracleBond_ZeroAmount: () => "Enter an amount above zero.",
  OracleBond_BadShare: () => "The prover's share must be below one half.",
  OracleBond_TooMuch: (_asked, bond) => `The bond is only ${bond} wei.`,
  OracleBond_NothingUnbonding: () => "This oracle node has not asked for any of its bond.",
  OracleBond_NotReady: (readyAt) => `The bond is free from ${timeOf(readyAt)} on.`,
  OracleBond_Held: () => "An accusation against this oracle node is open; its bond stays until it is decided.",
  OracleBond_NothingToWithdraw: () => "This wallet is owed nothing.",
  OracleBond_PaymentRefused: () => "The account does not take ether.",
  OracleBond_NotHeld: () => "No accusation against this oracle node is open.",
  OracleBond_TooLittleCredit: (_account, credit, needed) => `This wallet is owed ${credit} wei here, and the deposit is ${needed} wei.`,
} satisfies Sentences;
