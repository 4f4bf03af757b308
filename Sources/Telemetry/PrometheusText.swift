// The Prometheus text format 0.0.4: what `/metrics` answers. Names, help and types are written next to each other
// where the figures are collected, so that none is without them.

/// Writes metric families. A value.
public struct PrometheusText: Sendable {
    /// How a family's samples are to be read.
    public enum Kind: String, Sendable { case counter, gauge, histogram }

    public private(set) var text = ""

    public init() {}

    /// One family: its help, its type, its samples.
    ///
    /// - Parameter samples: Labels in order and the value; labels must come from a bounded set.
    public mutating func family(
        _ name: StaticString, _ kind: Kind, _ help: StaticString,
        _ samples: [(labels: [(name: String, value: String)], value: Double)]
    ) {
        open(name, kind, help)
        for sample in samples { line("\(name)", sample.labels, sample.value) }
    }

    /// A family of one sample without labels.
    public mutating func family(_ name: StaticString, _ kind: Kind, _ help: StaticString, _ value: Int) {
        family(name, kind, help, [([], Double(value))])
    }

    /// A histogram without labels, from counts per bucket (the last one takes the rest).
    ///
    /// - Parameter bounds: Upper bounds in seconds, one fewer than `buckets`.
    public mutating func histogram(
        _ name: StaticString, _ help: StaticString, bounds: [Double], buckets: [Int], sum: Double
    ) {
        open(name, .histogram, help)
        var seen = 0
        for (index, count) in buckets.enumerated() {
            seen += count
            let bound = index < bounds.count ? Self.number(bounds[index]) : "+Inf"
            line("\(name)_bucket", [("le", bound)], Double(seen))
        }
        line("\(name)_sum", [], sum)
        line("\(name)_count", [], Double(seen))
    }

    private mutating func open(_ name: StaticString, _ kind: Kind, _ help: StaticString) {
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n"
    }

    private mutating func line(_ name: String, _ labels: [(name: String, value: String)], _ value: Double) {
        text += name
        if !labels.isEmpty {
            text += "{" + labels.map { "\($0.name)=\"\(Self.escaped($0.value))\"" }.joined(separator: ",") + "}"
        }
        text += " \(Self.number(value))\n"
    }

    private static func number(_ value: Double) -> String {
        value == value.rounded() && abs(value) < 1e15 ? String(Int(value)) : "\(value)"
    }

    private static func escaped(_ value: String) -> String {
        var out = ""
        for character in value.unicodeScalars {
            switch character {
            case "\\": out += "\\\\"
            case "\"": out += "\\\""
            case "\n": out += "\\n"
            default: out.unicodeScalars.append(character)
            }
        }
        return out
    }
}
