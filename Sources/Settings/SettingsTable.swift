// The table of settings, section by section, in the order of the file. Each row: name, place, bounds, prose.
// Defaults are in `Configuration`. Adding a row makes the setting readable from file, environment and command
// line, printable, checked and documented; `tidings config template` writes the file anew.

/// A group of settings under one heading.
public struct SettingsSection: Sendable {
    public let name: String
    public let help: String
    public let settings: [Setting]
}

extension Setting {
    /// Every setting, in the order of the file.
    public static let sections: [SettingsSection] = [
        server, database, hooks, journal, retention, stream, pages, limits, rates, uploads, credentials, auth,
        browser, canary, drain, logs,
    ]

    public static let all: [Setting] = sections.flatMap(\.settings)

    /// What a reload may change: looked up when it is needed, or handed on to who holds it. The rest is built
    /// into sockets, connections and loops.
    static let reloadable: Set<String> = [
        "retention.journal_age", "retention.journal_rows", "retention.tombstones", "retention.max_offline",
        "retention.check", "pages.default_records", "pages.max_records",
        "limits.streams_per_business", "limits.streams_per_device",
        "credentials.ticket_lifetime", "credentials.reconnect_lifetime", "drain.window",
        "drain.closes_per_second", "logs.level",
    ]

    private static let server = SettingsSection(
        name: "server",
        help: "Where the gateway listens. TLS and HTTP/2 end at a reverse proxy in front of it.",
        settings: [
            Setting(
                "server.listen", \.server.listen,
                "Where tills connect. Port 0 lets the kernel choose; the chosen one is in the "
                    + "log's first line."),
            Setting(
                "server.admin_listen", \.server.adminListen,
                "Metrics, health and operations. It asks for no password: keep it off public networks."),
            Setting(
                "server.loops", \.server.loops, 1...256, zero: "one per core",
                "Event loops; each is a thread that owns its share of the sockets."),
            Setting(
                "server.accept_backlog", \.server.acceptBacklog, 16...65_535,
                "Connections the kernel holds until they are accepted. The kernel caps it at "
                    + "net.core.somaxconn."),
            Setting(
                "server.public_url", \.server.publicURL,
                "The address tills know this gateway by, for the URLs in answers. Empty: URLs are paths.",
                bounds: "empty, or https://… or http://… without a slash at the end",
                check: {
                    $0.isEmpty
                        || (!$0.hasSuffix("/") && ($0.hasPrefix("https://") || $0.hasPrefix("http://")))
                }),
            Setting(
                "server.trusted_proxies", \.server.trustedProxies,
                "Proxies that are believed when they say for whom they speak. From all others the "
                    + "header is ignored, as anybody can write it."),
            Setting(
                "server.forwarding_header", \.server.forwardingHeader,
                "The header in which they say it: x-forwarded-for or forwarded (RFC 7239). The other "
                    + "one is never read: a proxy may pass on what a client wrote there."),
        ])

    private static let database = SettingsSection(
        name: "database",
        help: "Which database the gateway stands beside. Paths are relative to where it was started.",
        settings: [
            Setting(
                "database.path", \.database.path, "The SQLite file whose changes are told.",
                bounds: "not empty", check: { !$0.isEmpty }),
            Setting(
                "database.mode", \.database.mode,
                "embedded: Tidings creates the shop database. attached: the file is an "
                    + "application's, and only the journal, the state index and the hooks are added to "
                    + "it."),
            Setting(
                "database.gateway_path", \.database.gatewayPath,
                "The gateway's own file: devices, tokens, acknowledgements. Apart, so that this "
                    + "bookkeeping never takes the application's write lock.",
                bounds: "not empty", check: { !$0.isEmpty }),
            Setting(
                "database.catalogue", \.database.catalogue,
                "The entity catalogue: which tables are synced and how. Empty: the embedded shop's own."),
            Setting(
                "database.durability", \.database.durability,
                "full: every writer of the file commits at synchronous=FULL, so nothing that was told is "
                    + "lost in a power cut. normal: faster; one may take the last writes, and every till "
                    + "downloads anew after it. auto: our own writes are full; embedded, all others are "
                    + "taken to be, and of an attached application's nothing is assumed: as with normal, "
                    + "tills download anew after a power cut."),
            Setting(
                "database.readers", \.database.readers, 1...64,
                "Connections that read answers and backlogs, each a thread. They share the disk "
                    + "and the cores."),
            Setting(
                "database.busy_timeout", \.database.busyTimeout, .milliseconds(1) ... .seconds(60),
                "How long our own writes wait for another process's lock before the answer is 503."),
        ])

    private static let hooks = SettingsSection(
        name: "hooks",
        help: "How the hooks in the database are kept true. They are compared whenever its schema changes, "
            + "and restored.",
        settings: [
            Setting(
                "hooks.audit_share_percent", \.hooks.auditSharePercent, 1...100, zero: "never",
                "How much of one core the background audit may take: it compares all tables with the "
                    + "state index and journals what differs."),
            Setting(
                "hooks.audit_pause", \.hooks.auditPause, .milliseconds(10)...days(30),
                "How long to wait after an audit of all tables before the next."),
        ])

    private static let journal = SettingsSection(
        name: "journal", help: "How commits of other processes are noticed.",
        settings: [
            Setting(
                "journal.wake_poll", \.journal.wakePoll, .microseconds(50) ... .milliseconds(100),
                "A sign of writing comes before the commit can be seen. It is looked for when the last ones "
                    + "could be seen, at most twice this long after the sign; then after this long, and half "
                    + "as long again each time, until it is there."),
            Setting(
                "journal.safety_poll", \.journal.safetyPoll, .milliseconds(10) ... .seconds(60),
                "How often to look without any sign. This is the promise; the watch only makes it quick."),
            Setting(
                "journal.file_check", \.journal.fileCheck, .milliseconds(100) ... .seconds(60),
                "How often to check that the database is still the same file."),
        ])

    private static let retention = SettingsSection(
        name: "retention",
        help: "What is kept, and for how long. The state of live records is kept for ever.",
        settings: [
            Setting(
                "retention.journal_age", \.retention.journalAge, .seconds(1)...days(3_650),
                "Journal rows older than this are purged. Clients away for longer catch up from "
                    + "the state index."),
            Setting(
                "retention.journal_rows", \.retention.journalRows, 1_000...1_000_000_000,
                "Journal rows beyond this many are purged, whatever their age."),
            Setting(
                "retention.tombstones", \.retention.tombstones, .seconds(1)...days(3_650),
                "Deletions are remembered at least this long, and until every active device of "
                    + "the business has acknowledged them. Ages are counted while the gateway runs, and at "
                    + "most a day of each pause: a clock that jumps purges nothing."),
            Setting(
                "retention.max_offline", \.retention.maxOffline, .seconds(1)...days(3_650),
                "A device silent for this long no longer holds tombstones back; it downloads anew "
                    + "when it returns."),
            Setting(
                "retention.check", \.retention.check, .milliseconds(100)...days(1),
                "How often to look for what may go. It goes in batches of 500 rows with pauses, so "
                    + "that writers hardly wait."),
            Setting(
                "retention.sync_logs", \.retention.syncLogs, .seconds(60)...days(3_650),
                "How long the log of what each device synced is kept."),
        ])

    private static let stream = SettingsSection(
        name: "stream", help: "The live stream of server-sent events.",
        settings: [
            Setting(
                "stream.heartbeat", \.stream.heartbeat, .milliseconds(100) ... .seconds(300),
                "A heartbeat follows the last byte within this time. Shorter than the shortest "
                    + "idle timeout between here and a till; clients give a stream up after two and a "
                    + "half."),
            Setting(
                "stream.retry_base", \.stream.retryBase, .milliseconds(10) ... .seconds(3_600),
                "What a client is told to wait, at least, before it connects again."),
            Setting(
                "stream.retry_jitter", \.stream.retryJitter, .milliseconds(1) ... .seconds(3_600),
                zero: "none",
                "Up to this much is added at random for each connection, so that tills do not "
                    + "return together."),
            Setting(
                "stream.tail_size", \.stream.tailSize, .kibibytes(64) ... .gibibytes(1),
                "Recent frames kept in memory for each live business and entity set. Streams that "
                    + "are behind by more read the state index."),
            Setting(
                "stream.tail_frames", \.stream.tailFrames, 16...1_000_000,
                "The same as a number of frames; whichever is reached first."),
            Setting(
                "stream.tail_linger", \.stream.tailLinger, .milliseconds(1) ... .seconds(86_400),
                zero: "none",
                "How long a tail is kept when its last stream has gone, for tills that return."),
            Setting(
                "stream.entity_sets", \.stream.entitySets, 1...1_024,
                "Different entity sets of one business that have a tail of their own. Further "
                    + "ones are cut from the whole tail for each stream, at a cost, and counted."),
            Setting(
                "stream.lifetime", \.stream.lifetime, .seconds(1)...days(365), zero: "no end",
                "Streams are closed at this age with a bye; clients come back at once. For "
                    + "proxies that balance only new connections."),
            Setting(
                "stream.lifetime_jitter_percent", \.stream.lifetimeJitterPercent, 1...100, zero: "none",
                "Lifetimes are shortened at random by up to this part."),
            Setting(
                "stream.slow_size", \.stream.slowSize, .kibibytes(16) ... .gibibytes(1),
                "A stream that is behind by more than this, and for longer than slow_age, is "
                    + "closed as slow."),
            Setting(
                "stream.slow_age", \.stream.slowAge, .milliseconds(100) ... .seconds(3_600),
                "See slow_size; both must be exceeded."),
            Setting(
                "stream.send_buffer", \.stream.sendBuffer, .kibibytes(4) ... .mebibytes(16),
                zero: "the kernel's choice",
                "What the kernel may hold for one socket (SO_SNDBUF; the kernel doubles it)."),
            Setting(
                "stream.unsent_low_water", \.stream.unsentLowWater, .kibibytes(1) ... .mebibytes(16),
                zero: "the kernel's choice",
                "Of that, what may wait unsent (TCP_NOTSENT_LOWAT): the rest stays shared in the tail."),
            Setting(
                "stream.user_timeout", \.stream.userTimeout, .seconds(1) ... .seconds(3_600),
                "A peer that acknowledges nothing for this long is dead (TCP_USER_TIMEOUT, keep-alive)."),
        ])

    private static let pages = SettingsSection(
        name: "pages", help: "How much one answer or one frame holds, and what polling clients are advised.",
        settings: [
            Setting(
                "pages.default_records", \.pages.defaultRecords, 1...1_000_000,
                "Records in one answer when the client names no limit."),
            Setting(
                "pages.max_records", \.pages.maxRecords, 1...1_000_000, "The largest limit a client may name."
            ),
            Setting(
                "pages.backlog_min_records", \.pages.backlogMinRecords, 1...100_000,
                "A stream's backlog is read in pages; they shrink under load, but not below this."),
            Setting(
                "pages.frame_max_records", \.pages.frameMaxRecords, 1...100_000,
                "Records in one change event. Larger transactions arrive as a round of several."),
            Setting(
                "pages.poll_advice", \.pages.pollAdvice, .seconds(1) ... .seconds(86_400),
                "What a till that cannot hold a stream is told to wait between polls."),
        ])

    static func days(_ count: Int) -> Duration { .seconds(count * 86_400) }
}
