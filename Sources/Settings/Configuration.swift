// Every setting of the gateway as one value: read once at start, handed down by value, never looked up again.
// The values written here are the defaults, and the only place where they stand; names, bounds and prose are
// in `SettingsTable`. A configuration that `load` returned has passed every check.

/// What the gateway was told to be. A value without identity: copies are cheap and never change behind a
/// reader.
public struct Configuration: Hashable, Sendable {
    public var server = Server()
    public var database = Database()
    public var hooks = Hooks()
    public var journal = Journal()
    public var retention = Retention()
    public var stream = Stream()
    public var pages = Pages()
    public var limits = Limits()
    public var uploads = Uploads()
    public var rates = Rates()
    public var credentials = Credentials()
    public var auth = Auth()
    public var browser = Browser()
    public var canary = Canary()
    public var drain = Drain()
    public var logs = Logs()

    /// The defaults: a gateway that works with no file at all.
    public init() {}

    public var takesUploads: Bool {
        switch uploads.accept {
        case .auto: database.mode == .embedded
        case .always: true
        case .never: false
        }
    }

    /// Where it listens.
    public struct Server: Hashable, Sendable {
        public var listen = ListenAddress.loopback(port: 8787)
        public var adminListen = ListenAddress.loopback(port: 9180)
        /// Event loops; 0: one per core.
        public var loops = 0
        public var acceptBacklog = 4096
        /// The address tills use, without a slash at its end; empty: URLs in answers are paths.
        public var publicURL = ""
        /// Peers that are believed when they say for whom they speak.
        public var trustedProxies: [AddressRange] = []
        /// In which header they say it.
        public var forwardingHeader = ForwardingHeader.xForwardedFor
    }

    /// Which database it sits beside.
    public struct Database: Hashable, Sendable {
        public var path = "data/shop.db"
        public var mode = DatabaseMode.embedded
        public var gatewayPath = "data/gateway.db"
        /// The entity catalogue; empty: the embedded shop's own.
        public var catalogue = ""
        public var durability = Durability.auto
        public var readers = 4
        public var busyTimeout = Duration.seconds(5)

        /// Whether all who write to the file wait for the disk. Embedded, that is asked of them; of an
        /// application's connections it is only known if somebody says so.
        public var everyWriterWaits: Bool {
            durability == .full || (durability == .auto && mode == .embedded)
        }
    }

    /// How the hooks in the database are kept true.
    public struct Hooks: Hashable, Sendable {
        /// 0: tables are never audited in the background.
        public var auditSharePercent = 1
        public var auditPause = Duration.seconds(600)
    }

    /// How commits are noticed.
    public struct Journal: Hashable, Sendable {
        public var wakePoll = Duration.microseconds(200)
        public var safetyPoll = Duration.milliseconds(500)
        public var fileCheck = Duration.seconds(1)
    }

    /// What is kept, and for how long.
    public struct Retention: Hashable, Sendable {
        public var journalAge = Duration.seconds(7 * 86_400)
        public var journalRows = 1_000_000
        public var tombstones = Duration.seconds(30 * 86_400)
        public var maxOffline = Duration.seconds(180 * 86_400)
        public var check = Duration.seconds(60)
        public var syncLogs = Duration.seconds(30 * 86_400)
    }

    /// The live stream.
    public struct Stream: Hashable, Sendable {
        public var heartbeat = Duration.seconds(15)
        public var retryBase = Duration.seconds(2)
        public var retryJitter = Duration.seconds(3)
        public var tailSize = ByteSize.mebibytes(4)
        public var tailFrames = 4096
        public var tailLinger = Duration.seconds(60)
        public var entitySets = 16
        /// Zero: streams live until somebody closes them.
        public var lifetime = Duration.zero
        public var lifetimeJitterPercent = 20
        public var slowSize = ByteSize.mebibytes(1)
        public var slowAge = Duration.seconds(30)
        public var sendBuffer = ByteSize.kibibytes(64)
        public var unsentLowWater = ByteSize.kibibytes(16)
        public var userTimeout = Duration.seconds(45)
    }

    /// How much one answer or frame holds.
    public struct Pages: Hashable, Sendable {
        public var defaultRecords = 1_000
        public var maxRecords = 10_000
        public var backlogMinRecords = 100
        public var frameMaxRecords = 1_000
        /// What a till without a stream is advised to wait between polls.
        public var pollAdvice = Duration.seconds(30)
    }

    /// What one process, business, address or request may take.
    public struct Limits: Hashable, Sendable {
        public var connections = 20_000
        public var streamsPerBusiness = 5_000
        public var connectionsPerAddress = 2_000
        public var streamsPerDevice = 8
        public var headSize = ByteSize.kibibytes(16)
        public var bodySize = ByteSize.mebibytes(1)
        public var bodiesSize = ByteSize.mebibytes(256)
        public var answersSize = ByteSize.mebibytes(256)
        public var answersSizePerBusiness = ByteSize.mebibytes(64)
        public var downloadsSize = ByteSize.gibibytes(4)
        public var downloadsSizePerBusiness = ByteSize.gibibytes(1)
        public var headTime = Duration.seconds(10)
        public var bodyTime = Duration.seconds(30)
        public var writeTime = Duration.seconds(10)
        public var writePace = ByteSize.kibibytes(1)
        public var idleTime = Duration.seconds(75)
        public var readsInFlight = 1_024
        public var readsInFlightPerBusiness = 64
        public var backlogRecordsPerSecond = 100_000
    }

    /// What devices may write.
    public struct Uploads: Hashable, Sendable {
        public var accept = UploadAcceptance.auto
        public var operations = 500
        public var waiting = 256
        public var waitingPerBusiness = 64
    }

    /// Requests a minute, by group; zero: no limit.
    public struct Rates: Hashable, Sendable {
        public var general = 60
        public var sync = 30
        public var batch = 10
        public var authentication = 5
        public var continuation = 600
        /// Windows remembered in each group.
        public var keys = 100_000
    }

    /// How long what was handed out stays good.
    public struct Credentials: Hashable, Sendable {
        public var ticketLifetime = Duration.seconds(60)
        public var reconnectLifetime = Duration.seconds(30 * 86_400)
        public var revocationCheck = Duration.milliseconds(500)
    }

    /// Whose tokens count, beside the gateway's own.
    public struct Auth: Hashable, Sendable {
        public var sanctum = false
        /// Empty: the database whose changes are told.
        public var sanctumDatabase = ""
        public var sanctumTokens = "personal_access_tokens"
        public var sanctumUsers = "users"
        public var sanctumBusiness = "business_id"
        /// Empty: the column says it.
        public var sanctumOneBusiness = ""
        public var sanctumTokenable = #"App\Models\User"#
        /// Zero: `expires_at` alone says it.
        public var sanctumExpiration = Duration.zero
        public var sanctumTouch = false
    }

    /// What pages of other origins may do.
    public struct Browser: Hashable, Sendable {
        public var origins: [WebOrigin] = []
        public var preflightAge = Duration.seconds(600)
        public var cookieSameSite = SameSite.lax
        public var cookieSecure = false
        public var cookiePath = "/"
    }

    /// How it tries itself.
    public struct Canary: Hashable, Sendable {
        /// Zero: never.
        public var every = Duration.zero
    }

    /// How a gateway leaves.
    public struct Drain: Hashable, Sendable {
        public var window = Duration.seconds(10)
        public var closesPerSecond = 2_000
    }

    /// What it writes about its work.
    public struct Logs: Hashable, Sendable {
        public var format = LogFormat.text
        public var level = LogLevel.info
        public var addresses = AddressDetail.full
    }
}

/// Where a trusted proxy writes whom it speaks for.
public enum ForwardingHeader: String, Hashable, Sendable, CaseIterable {
    case xForwardedFor = "x-forwarded-for"
    /// RFC 7239.
    case forwarded
}

/// Whose database file it is.
public enum DatabaseMode: String, Hashable, Sendable, CaseIterable {
    /// Tidings creates the shop database.
    case embedded
    /// The file belongs to an application; hooks and journal live in it, nothing else.
    case attached
}

/// Whether devices may write.
public enum UploadAcceptance: String, Hashable, Sendable, CaseIterable {
    /// Into the embedded shop only: an application's own rules would be bypassed.
    case auto
    case always
    case never
}

/// SQLite's `synchronous`: what a power cut can take.
public enum Durability: String, Hashable, Sendable, CaseIterable {
    /// Our own writes survive one; embedded, all others do too.
    case auto
    /// Every writer's do.
    case full
    /// They survive a crash of the process, not always of the machine.
    case normal

    /// For our own connections.
    public var isFullForUs: Bool { self != .normal }
}

/// The `SameSite` of the reconnect cookie.
public enum SameSite: String, Hashable, Sendable, CaseIterable {
    case lax
    case none
}

/// How log lines are written.
public enum LogFormat: String, Hashable, Sendable, CaseIterable {
    case text
    case json
}

/// What is worth a line; each level includes those behind it.
public enum LogLevel: String, Hashable, Sendable, CaseIterable {
    case trace, debug, info, notice, warning, error, critical
}

/// How much of a peer's address is written down.
public enum AddressDetail: String, Hashable, Sendable, CaseIterable {
    case full
    /// IPv4 to its /24, IPv6 to its /48.
    case truncated
    case none
}
