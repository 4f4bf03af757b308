// The limits of the configuration, by their names there: whoever holds one counts, in one line, that somebody
// met it. docs/OPERATIONS.md tells for each what the client gets.

/// A limit that a client or a peer can meet.
public enum Limit: String, MetricLabel {
    case connections = "limits.connections"
    case streamsPerBusiness = "limits.streams_per_business"
    case connectionsPerAddress = "limits.connections_per_address"
    case streamsPerDevice = "limits.streams_per_device"
    case headSize = "limits.head_size"
    case bodySize = "limits.body_size"
    case bodiesSize = "limits.bodies_size"
    case answersSize = "limits.answers_size"
    case answersSizePerBusiness = "limits.answers_size_per_business"
    case downloadsSize = "limits.downloads_size"
    case downloadsSizePerBusiness = "limits.downloads_size_per_business"
    case headTime = "limits.head_time"
    case bodyTime = "limits.body_time"
    case writeTime = "limits.write_time"
    case writePace = "limits.write_pace"
    case idleTime = "limits.idle_time"
    case readsInFlight = "limits.reads_in_flight"
    case readsInFlightPerBusiness = "limits.reads_in_flight_per_business"
    case backlogRecordsPerSecond = "limits.backlog_records_per_second"
    case uploadOperations = "uploads.operations"
    case uploadsWaiting = "uploads.waiting"
    case uploadsWaitingPerBusiness = "uploads.waiting_per_business"

    public static let met = LabelledCounter<Limit>(
        "tidings_limits_met_total",
        help: "Times somebody met a limit of the configuration, by its name there.",
        label: "limit")
}
