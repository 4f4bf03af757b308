// Which page of the operators' side a path means.

/// What the admin listener answers.
enum OpsRoute: String, CaseIterable {
    case page = "/"
    case health = "/healthz"
    case readiness = "/readyz"
    case metrics = "/metrics"
    case businessMetrics = "/metrics/businesses"
    case connections = "/connections"
    case disconnect = "/connections/disconnect"
    case devices = "/devices"
    case drain = "/drain"
    case configuration = "/config"
    /// What the ops page feeds itself from.
    case feed = "/feed"

    var methods: [String] {
        switch self {
        case .disconnect: ["POST"]
        case .drain: ["GET", "HEAD", "POST"]
        case .feed: ["GET"]
        default: ["GET", "HEAD"]
        }
    }

    /// Open to anybody who reaches the listener: probes, and a page that holds no figures itself.
    var isOpen: Bool { self == .page || self == .health || self == .readiness }
}
