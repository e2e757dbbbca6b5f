/**
 * config: the settings of the agent. One file today, `/etc/rpm-ostreed.conf`, a keyfile with the keys existing hosts use;
 * read once by `bin` and on a reload, and strict: an unknown key or a bad value is an error that names file and line.
 */
export { loadDaemonConfig, type AutomaticUpdatePolicy, type DaemonConfig } from './daemon-config.ts';
