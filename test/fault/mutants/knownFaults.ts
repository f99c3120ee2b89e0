/** A fault of the contracts with a name: a text that stands once in its file, and what would stand there instead. */
export type KnownFault = { name: string; file: string; from: string; to: string }

const MODULE = 'verifier/contracts/WarrantModule.sol'
const SETTINGS = 'verifier/contracts/ModuleSettings.sol'
const BUCKETS = 'verifier/contracts/Buckets.sol'
const OUTFLOWS = 'verifier/contracts/Outflows.sol'
const HASH = 'verifier/contracts/VerdictHash.sol'
const BLOCKS = 'verifier/contracts/ReferenceBlock.sol'
const APPROVALS = 'verifier/contracts/ApprovalEffects.sol'
const GUARD = 'verifier/contracts/WarrantGuard.sol'
const ANCHOR = 'verifier/contracts/LogAnchor.sol'

const SETTERS = [
  'setVerifiers(address[] calldata verifiers, uint256 threshold)',
  'setApprovers(address[] calldata approvers, uint256 threshold)',
  'setGuardian(address guardian_)',
  'setPolicy(bytes32 policy)',
  'setRule(address target, bytes4 selector, Rule calldata rule)',
  'setPayee(address account, bool allowed)',
  'setSpender(address token, address spender, uint8 level)',
  'setAssets(address[] calldata assets)',
  'setCap(address asset, uint96 amount, uint32 window)',
  'setApprovalLimit(address asset, uint96 amount, uint32 window)',
  'setVerifierLimit(address asset, uint96 amount, uint32 window, uint16 verifiers)',
  'resume()',
]

/** Faults that somebody once found to be told by no test, and their kin. */
export const KNOWN_FAULTS: readonly KnownFault[] = [
  ...SETTERS.map(head => ({
    name: `anybody may call ${head.split('(')[0]}`,
    ...{ file: SETTINGS, from: `function ${head} external onlySafe`, to: `function ${head} external` },
  })),
  ...[
    ['a cap forgets its level', BUCKETS, 'leaked >= bucket.level ? 0 : bucket.level - leaked', '0'],
    ['a cap leaks twice as fast', BUCKETS, 'uint256(bucket.amount) * (', '2 * uint256(bucket.amount) * ('],
    ['a cap does not keep what flowed out', BUCKETS, 'buckets[asset] = bucket;', ''],
    ['a nonce is stored in half its word', MODULE, '|= 1 << (verdict.nonce & 0xff)', '|= 1 << (verdict.nonce & 0x7f)'],
    ['a nonce is looked up in half its word', MODULE, '(1 << (nonce & 0xff)) != 0', '(1 << (nonce & 0x7f)) != 0'],
    ['a new nonce takes the place of those in its word', MODULE, '|= 1 << (verdict.nonce', '= 1 << (verdict.nonce'],
    ['only the first bound is checked', MODULE, 'bool holds;', 'if (i != 0) continue; bool holds;'],
    [
      'only the first call needs a rule',
      MODULE,
      'if (!rule.allowed) revert CallNotAllowed',
      'if (index == 0 && !rule.allowed) revert CallNotAllowed',
    ],
    [
      'only the first asset may not fall',
      MODULE,
      'if (ledger.last[i] < ledger.start[i] &&',
      'if (i == 0 && ledger.last[i] < ledger.start[i] &&',
    ],
    [
      'only the first call may leave no approval',
      MODULE,
      'if (left != 0 && _spenders',
      'if (i == 0 && left != 0 && _spenders',
    ],
    ['only the first asset is measured', OUTFLOWS, 'if (current < last) add', 'if (i == 0 && current < last) add'],
    [
      'an approver counts twice',
      MODULE,
      'if (!isApprover[signer]) revert NotAnApprover(signer);\n            previous = signer;',
      'if (!isApprover[signer]) revert NotAnApprover(signer);',
    ],
    ['a signer counts twice', MODULE, 'if (signer <= previous) revert', 'if (signer < previous) revert'],
    [
      'one signature less is enough',
      MODULE,
      'signatures.length < verifierThreshold',
      'signatures.length + 1 < verifierThreshold',
    ],
    [
      'half of the verifiers are a quorum',
      SETTINGS,
      '2 * threshold <= verifiers.length',
      '2 * threshold < verifiers.length',
    ],
    [
      'whatever a contract answers is a signature',
      MODULE,
      ' && abi.decode(result, (bytes32)) == bytes32(IERC1271.isValidSignature.selector)',
      '',
    ],
    ['a signature has a second form', HASH, 'if (uint256(s) > HALF_ORDER) return address(0);', ''],
    [
      'a verdict is for ever',
      MODULE,
      'if (block.timestamp > verdict.validUntil) revert Expired(verdict.validUntil, block.timestamp);',
      '',
    ],
    ['an approval is for ever', MODULE, 'if (block.timestamp > approvals.validUntil)', 'if (false)'],
    ['any hash of a block will do', MODULE, 'if (actual != verdict.refBlockHash)', 'if (false)'],
    ['a block that is forgotten will do', MODULE, 'if (actual == bytes32(0)) revert', 'if (false) revert'],
    [
      "a contract's blocks are always Ethereum's",
      BLOCKS,
      'return arbitrum ? IArbSys(ARB_SYS).arbBlockNumber() : block.number;',
      'return block.number;',
    ],
    ['a recipient may be anybody', MODULE, ' && _payeePlace[recipient] == 0', ' && false'],
    ['value comes and goes uncounted', OUTFLOWS, 'add(ledger, index, value);', ''],
    ['an allowance does not count', MODULE, 'Outflows.add(ledger, place - 1, grant.amount);', ''],
    ['an endless allowance and a little more are nothing', OUTFLOWS, 'sum < amount ? type(uint256).max : sum', 'sum'],
    ['Permit2 is not known', APPROVALS, '0x87517c45', '0x87517c46'],
    [
      'an approved batch counts as not approved',
      MODULE,
      '_approvalLimited != 0 && !isApproved',
      '_approvalLimited != 0',
    ],
    ['the guard lets modules delegate', GUARD, 'if (operation != 0) revert DelegatecallDenied(module);', ''],
    ['anybody allows a module', GUARD, 'if (msg.sender != safe) revert NotTheSafe(msg.sender);', ''],
    ['a proof may be too short', ANCHOR, 'return last == 0 && hash1 == root1', 'return hash1 == root1'],
    ['a proof may be too long', ANCHOR, 'if (last == 0) return false;', ''],
    ['a rollback is anchored', ANCHOR, 'if (size <= anchored) revert NotLarger(anchored, size);', ''],
  ].map(([name, file, from, to]) => ({ name, file, from, to }) as KnownFault),
]
