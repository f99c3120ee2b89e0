/**
 * What no check of a log's own files can show, in words, said every time: whose log it is where nobody pinned the key, and
 * what was left out where no witness was asked for.
 *
 * @param key name of the key that the log was verified with, as it stands before the first `+` and its id after it
 * @example whatIsNotSeen({ key: 'example.org/log+1234abcd', isPinned: false, isWitnessed: false })
 */
export function whatIsNotSeen({
  key,
  isPinned,
  isWitnessed,
}: {
  key: string
  isPinned: boolean
  isWitnessed: boolean
}): string[] {
  return [
    isPinned
      ? `the log of ${key}, the key that you gave`
      : `the log of ${key}: this key was taken from beside it and pins nothing; give --vkey to know whose log this is`,
    ...(isWitnessed
      ? []
      : [
          'nobody was asked who cosigned this: what was left out at its end, or everywhere by all of its keys, cannot be seen',
        ]),
  ]
}
