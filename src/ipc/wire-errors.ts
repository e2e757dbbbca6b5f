import { AtomicError, errorCodes, isAtomicError, messageOf, type ErrorCode } from '../base/index.ts';

/** An error as it travels: a dotted name and one text. */
export interface WireFailure {
  readonly name: string;
  readonly text: string;
}

/** The prefix of our own error names; what follows is an {@link ErrorCode}. */
export const errorPrefix = 'org.projectatomic.rpmostreed.Error.';

const standardPrefix = 'org.freedesktop.DBus.Error.';

/** The standard errors a dispatcher answers with. */
export type StandardError =
  | 'InvalidArgs'
  | 'LimitsExceeded'
  | 'PropertyReadOnly'
  | 'UnknownInterface'
  | 'UnknownMethod'
  | 'UnknownObject'
  | 'UnknownProperty';

/** A failure with a standard name. */
export function standardFailure(name: StandardError, text: string): WireFailure {
  return { name: `${standardPrefix}${name}`, text };
}

/** The sentence of an error and, on the next line, its hint: the form in which errors leave the agent. */
export function errorText(error: unknown): string {
  const hint = isAtomicError(error) ? error.hint : undefined;
  return hint === undefined ? messageOf(error) : `${messageOf(error)}\n${hint}`;
}

/** How an error thrown by our code is named on the bus. What is not an {@link AtomicError} is `Failed`; no stack leaves. */
export function toWireFailure(error: unknown): WireFailure {
  const code: ErrorCode = isAtomicError(error) ? error.code : 'Failed';
  return { name: `${errorPrefix}${code}`, text: errorText(error) };
}

const standardCodes: Readonly<Record<string, ErrorCode>> = {
  AccessDenied: 'NotAuthorized',
  InvalidArgs: 'InvalidArgument',
  NoReply: 'AgentUnavailable',
  NameHasNoOwner: 'AgentUnavailable',
  ServiceUnknown: 'AgentUnavailable',
  Disconnected: 'AgentUnavailable',
  TimedOut: 'Timeout',
  UnknownInterface: 'NotSupported',
  UnknownMethod: 'NotSupported',
  UnknownObject: 'NotFound',
};

/**
 * The error a reply stands for. The first line of the text is the sentence, the rest the hint; the fact `errorName` keeps
 * the name as it came.
 */
export function fromWireFailure({ name, text }: WireFailure): AtomicError {
  const [sentence = '', ...rest] = text.split('\n');
  const hint = rest.join('\n').trim();
  return new AtomicError(codeOf(name), sentence === '' ? `The call failed with ${name}` : sentence, {
    facts: { errorName: name },
    ...(hint === '' ? {} : { hint }),
  });
}

/** Our own names carry the code; standard ones are mapped, everything else is `Failed`. */
function codeOf(name: string): ErrorCode {
  const last = name.slice(name.lastIndexOf('.') + 1);
  if (name.startsWith(errorPrefix) && Object.hasOwn(errorCodes, last)) return last as ErrorCode;
  // systemd's own names for a unit that could not be started on behalf of the bus.
  if (name.startsWith('org.freedesktop.systemd1.') || last.startsWith('Spawn.') || name.includes('.Error.Spawn.')) {
    return 'AgentUnavailable';
  }
  return name.startsWith(standardPrefix) ? (standardCodes[last] ?? 'Failed') : 'Failed';
}
