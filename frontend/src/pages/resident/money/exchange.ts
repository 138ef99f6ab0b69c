/** The desk's arithmetic, as PowerCoinDesk does it: INR bought and assets paid out are rounded down. */

const WEI_PER_ETHER = 10n ** 18n;

export function inrForWei(wei: bigint, microInrPerEther: bigint): bigint {
  return (wei * microInrPerEther) / WEI_PER_ETHER;
}

export function weiForInr(microInr: bigint, microInrPerEther: bigint): bigint {
  return microInrPerEther === 0n ? 0n : (microInr * WEI_PER_ETHER) / microInrPerEther;
}

export function inrForTokens(amount: bigint, decimals: number, microInrPerWhole: bigint): bigint {
  return (amount * microInrPerWhole) / 10n ** BigInt(decimals);
}

export function tokensForInr(microInr: bigint, decimals: number, microInrPerWhole: bigint): bigint {
  return microInrPerWhole === 0n ? 0n : (microInr * 10n ** BigInt(decimals)) / microInrPerWhole;
}
