/**
 * The contracts that Mizan deploys: their names in Solidity, and the names of ABI and bytecode in TypeScript. What one `build` has is compiled together;
 * together they share their numbering, and the escrow's code should not change with another contract.
 */
export const deployedContracts = [
  { build: 'escrow', name: 'MizanEscrow', abi: 'escrowAbi', bytecode: 'escrowBytecode', abiFile: 'libs/protocol/abi/escrow.ts' },
  { build: 'escrow', name: 'TestDollar', abi: 'testDollarAbi', bytecode: 'testDollarBytecode', abiFile: 'libs/protocol/abi/test-dollar.ts' },
  { build: 'bonds', name: 'MizanBonds', abi: 'bondsAbi', bytecode: 'bondsBytecode', abiFile: 'libs/protocol/abi/bonds.ts' },
];
