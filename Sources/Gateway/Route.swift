// Which endpoint a path means. Everything stands below /api/v1; /sync/* also without it.

/// The endpoints of the public listener.
enum Route {
    case register, full, changes, stream, ticket, ack, batch, digest, records
    case page(Page)

    init?(path: String) {
        let rest = path.hasPrefix("/api/v1/") ? String(path.dropFirst("/api/v1".count)) : path
        switch rest {
        case "/sync/register": self = .register
        case "/sync/full": self = .full
        case "/sync/changes": self = .changes
        case "/sync/stream": self = .stream
        case "/sync/ticket": self = .ticket
        case "/sync/ack": self = .ack
        case "/sync/digest": self = .digest
        case "/sync/records": self = .records
        case "/sync/batch": self = .batch
        default:
            guard let page = Page(path: path) else { return nil }
            self = .page(page)
        }
    }

    /// What `Allow` says, OPTIONS aside.
    var methods: [String] {
        switch self {
        case .register, .ticket, .ack, .batch: ["POST"]
        case .stream: ["GET"]
        case .full, .changes, .digest, .records, .page: ["GET", "HEAD"]
        }
    }
}
