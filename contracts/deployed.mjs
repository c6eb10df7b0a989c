/** The contracts that Mizan deploys: their names in Solidity, and the names of ABI and bytecode in TypeScript. */
export const deployedContracts = [
  { name: 'MizanEscrow', abi: 'escrowAbi', bytecode: 'escrowBytecode', abiFile: 'libs/protocol/abi/escrow.ts' },
  { name: 'TestDollar', abi: 'testDollarAbi', bytecode: 'testDollarBytecode', abiFile: 'libs/protocol/abi/test-dollar.ts' },
];
