/** Bodies up to this many bytes are kept in memory and handed to the native threads in batches; larger ones go to a file. */
export const smallBodyBytes = 1024 * 1024;

/** What received and not yet stored bodies may hold in memory together; requests wait when it is used up. */
export const maxBufferedBytes = 64 * 1024 * 1024;

/** Requests in flight at once. More than libostree's 8 because over a network a pull of small objects is latency. */
export const maxRequestsInFlight = 32;

/** A summary names a few hundred refs; libostree refuses metadata larger than this too. */
export const maxSummaryBytes = 128 * 1024 * 1024;

/** Lists the deltas to one commit, about 200 bytes each. */
export const maxDeltaIndexBytes = 1024 * 1024;

/** The remote's `config` and its ref files are a few lines; anything larger is not what it claims to be. */
export const maxSmallTextBytes = 256 * 1024;

/** As many redirects as a content network needs (name, region, mirror); a loop ends here. */
export const maxRedirects = 5;

/** Of a body nobody wants (an error page) this much is read to keep the connection; a longer one costs the connection. */
export const maxDiscardedBytes = 64 * 1024;

/** Objects of one pull. A large OS has 10^5; each costs about 150 bytes of our memory. */
export const maxPulledObjects = 10_000_000;

/** Refs that an error about an unknown ref names. */
export const maxListedRefs = 5;

/** Progress reports per second at most; every one becomes a signal on the bus. */
export const maxReportsPerSecond = 5;
