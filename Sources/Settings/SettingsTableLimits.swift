// The second half of the table: limits, credentials, browsers, leaving and logging.

extension Setting {
    static let limits = SettingsSection(
        name: "limits",
        help:
            "What one process, business, address or request may take. Each limit is counted when it is met.",
        settings: [
            Setting(
                "limits.connections", \.limits.connections, 1...1_000_000, "Connections in all.",
                beyond: "streams: 200 and bye overload; others: 503"),
            Setting(
                "limits.streams_per_business", \.limits.streamsPerBusiness, 1...1_000_000,
                "Streams of one business.", beyond: "200 and bye overload"),
            Setting(
                "limits.connections_per_address", \.limits.connectionsPerAddress, 1...1_000_000,
                zero: "no limit",
                "Connections from one address; a shop's tills share one.", beyond: "closed unanswered"),
            Setting(
                "limits.streams_per_device", \.limits.streamsPerDevice, 1...1_000,
                "Streams of one device: tabs, mostly.", beyond: "the newcomer: 200 and bye limit"),
            Setting(
                "limits.head_size", \.limits.headSize, .kibibytes(1) ... .mebibytes(1),
                "Request line and header fields together.", beyond: "431, or 414 for the line"),
            Setting(
                "limits.body_size", \.limits.bodySize, .kibibytes(1) ... .gibibytes(1), "A request's body.",
                beyond: "413"),
            Setting(
                "limits.bodies_size", \.limits.bodiesSize, .mebibytes(1) ... .gibibytes(64),
                "All requests that arrive or wait for their answer, together.",
                beyond: "503 with Retry-After, closed"),
            Setting(
                "limits.answers_size", \.limits.answersSize, .mebibytes(1) ... .gibibytes(64),
                "Answers above 16 KiB that wait to be taken, together; full downloads are files instead.",
                beyond: "503 with Retry-After"),
            Setting(
                "limits.answers_size_per_business", \.limits.answersSizePerBusiness,
                .mebibytes(1) ... .gibibytes(64),
                "The same, of one business, unless it is a single one.", beyond: "503 with Retry-After"),
            Setting(
                "limits.downloads_size", \.limits.downloadsSize, .mebibytes(1) ... .gibibytes(1_024),
                "Files of full downloads, until the last who asked has taken them: beside the database.",
                beyond: "503 with Retry-After"),
            Setting(
                "limits.downloads_size_per_business", \.limits.downloadsSizePerBusiness,
                .mebibytes(1) ... .gibibytes(1_024),
                "The same, of one business, unless it is a single one.", beyond: "503 with Retry-After"),
            Setting(
                "limits.head_time", \.limits.headTime, .milliseconds(100) ... .seconds(300),
                "From the first byte of a request to the end of its head.", beyond: "408, closed"),
            Setting(
                "limits.body_time", \.limits.bodyTime, .milliseconds(100) ... .seconds(3_600),
                "From the end of the head to the end of the body.", beyond: "408, closed"),
            Setting(
                "limits.write_time", \.limits.writeTime, .milliseconds(100) ... .seconds(3_600),
                "How long a client may take nothing of an answer.", beyond: "reset"),
            Setting(
                "limits.write_pace", \.limits.writePace, ByteSize(bytes: 1) ... .mebibytes(1),
                "What a client takes of an answer in a second, at least: counted over each write_time. "
                    + "Streams have stream.slow_age.", beyond: "reset"),
            Setting(
                "limits.idle_time", \.limits.idleTime, .milliseconds(100) ... .seconds(3_600),
                "How long a connection is kept without a request.", beyond: "closed"),
            Setting(
                "limits.reads_in_flight", \.limits.readsInFlight, 1...100_000,
                "Database reads that run or wait.", beyond: "503 with Retry-After"),
            Setting(
                "limits.reads_in_flight_per_business", \.limits.readsInFlightPerBusiness, 1...100_000,
                "The same, of one business.", beyond: "503 with Retry-After"),
            Setting(
                "limits.backlog_records_per_second", \.limits.backlogRecordsPerSecond, 100...100_000_000,
                "Records read for streams and polls that catch up, and repairs, in all; what is new is not held by it.",
                beyond: "backlogs wait their turn"),
        ])

    static let rates = SettingsSection(
        name: "rates",
        help:
            "Requests a minute, in a window that begins with the first. Each till has its own windows; "
            + "addresses have them only for requests without a good token. A stream is never refused.",
        settings: [
            Setting(
                "rates.general", \.rates.general, 1...1_000_000, zero: "no limit",
                "Single records and all that is in no other group; registrations, by code or person.",
                beyond: "429 with Retry-After"),
            Setting(
                "rates.sync", \.rates.sync, 1...1_000_000, zero: "no limit",
                "Full downloads, polls, digests.", beyond: "429 with Retry-After"),
            Setting(
                "rates.batch", \.rates.batch, 1...1_000_000, zero: "no limit", "Uploads.",
                beyond: "429 with Retry-After"),
            Setting(
                "rates.authentication", \.rates.authentication, 1...1_000_000, zero: "no limit",
                "Refused credentials, by address. Good ones from the same address are not held up by them.",
                beyond: "429 instead of 401"),
            Setting(
                "rates.continuation", \.rates.continuation, 1...1_000_000, zero: "no limit",
                "What a client must do to go on: further pages, acknowledgements, tickets, long polls, "
                    + "streams, the pieces of a repair.",
                beyond: "429 with Retry-After; a stream: 200 and bye overload"),
            Setting(
                "rates.keys", \.rates.keys, 100...10_000_000,
                "Windows remembered in each group. Beyond it the oldest are forgotten early.",
                beyond: "a forgotten window begins anew"),
        ])

    static let uploads = SettingsSection(
        name: "uploads", help: "What devices may write with POST /sync/batch.",
        settings: [
            Setting(
                "uploads.accept", \.uploads.accept,
                "auto: into the embedded shop only. always: into an attached database too, past its "
                    + "application's own rules; what the catalogue calls writable is then written. never."),
            Setting(
                "uploads.operations", \.uploads.operations, 1...10_000, "Operations in one batch.",
                beyond: "422"),
            Setting(
                "uploads.waiting", \.uploads.waiting, 1...100_000,
                "Batches that wait for the writer, or are being written.", beyond: "503 with Retry-After"),
            Setting(
                "uploads.waiting_per_business", \.uploads.waitingPerBusiness, 1...100_000,
                "The same, of one business.", beyond: "503 with Retry-After"),
        ])

    static let credentials = SettingsSection(
        name: "credentials", help: "How long what was handed out stays good.",
        settings: [
            Setting(
                "credentials.ticket_lifetime", \.credentials.ticketLifetime, .seconds(1) ... .seconds(3_600),
                "How long a stream ticket may wait for its first use."),
            Setting(
                "credentials.reconnect_lifetime", \.credentials.reconnectLifetime, .seconds(60)...days(365),
                "How long a browser may come back with the cookie of a used ticket."),
            Setting(
                "credentials.revocation_check", \.credentials.revocationCheck,
                .milliseconds(10) ... .seconds(60),
                "How often live streams' tokens are checked for revocation."),
        ])

    static let browser = SettingsSection(
        name: "browser", help: "What web pages may do. Pages of the gateway's own origin need none of it.",
        settings: [
            Setting(
                "browser.origins", \.browser.origins,
                "Origins whose pages may call the gateway (CORS), as browsers send them."),
            Setting(
                "browser.preflight_age", \.browser.preflightAge, .seconds(1) ... .seconds(86_400),
                "How long a browser may remember a preflight answer."),
            Setting(
                "browser.cookie_same_site", \.browser.cookieSameSite,
                "SameSite of the reconnect cookie. none is for pages of another site, and needs "
                    + "cookie_secure."),
            Setting(
                "browser.cookie_secure", \.browser.cookieSecure,
                "Whether the cookie is for HTTPS only. Switch it on behind a TLS proxy."),
            Setting(
                "browser.cookie_path", \.browser.cookiePath, "The path the cookie is sent to.",
                bounds: "beginning with a slash, without spaces or semicolons",
                check: { $0.hasPrefix("/") && !$0.contains { $0 == ";" || $0 == " " || $0 == "," } }),
        ])

    static let canary = SettingsSection(
        name: "canary",
        help: "How the gateway tries itself: a change of nobody's, committed to the journal, must arrive on "
            + "a stream of its own.",
        settings: [
            Setting(
                "canary.every", \.canary.every, .seconds(1) ... .seconds(3_600), zero: "never",
                "How often. Each is one short transaction in the database; no table of the application's "
                    + "is touched.")
        ])

    static let drain = SettingsSection(
        name: "drain", help: "How a gateway leaves (SIGTERM): every stream gets a bye, then is closed.",
        settings: [
            Setting(
                "drain.window", \.drain.window, .milliseconds(1) ... .seconds(3_600),
                "Clients are told to return at a random moment within this time; what is still "
                    + "open at its end is cut."),
            Setting(
                "drain.closes_per_second", \.drain.closesPerSecond, 1...1_000_000,
                "Streams closed per second."),
        ])

    static let logs = SettingsSection(
        name: "logs", help: "What is written to standard error, a line each. Secrets never are.",
        settings: [
            Setting("logs.format", \.logs.format, "text for people, json for machines."),
            Setting("logs.level", \.logs.level, "The least that is worth a line."),
            Setting(
                "logs.addresses", \.logs.addresses,
                "How much of a peer's address is written: full, truncated (IPv4 to /24, IPv6 to /48) or none."
            ),
        ])
}
