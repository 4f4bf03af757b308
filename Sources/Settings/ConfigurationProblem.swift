// What is wrong with a configuration, all of it at once, each with the place to go to.

/// Where a value was given.
public enum SettingSource: Hashable, Sendable, CustomStringConvertible {
    case standard
    /// Lines and columns count from 1.
    case file(String, line: Int, column: Int)
    case environment(String)
    case commandLine(String)

    /// `default`, `config/tidings.yaml:12`, `environment TIDINGS_…`, `command line --set …`.
    public var description: String {
        switch self {
        case .standard: "default"
        case .file(let path, let line, _): "\(path):\(line)"
        case .environment(let name): "environment \(name)"
        case .commandLine(let name): "command line \(name)"
        }
    }
}

/// One thing wrong.
public struct ConfigurationProblem: Hashable, Sendable, CustomStringConvertible {
    public let source: SettingSource
    /// The setting, where one is concerned.
    public let setting: String?
    public let message: String

    /// `config/tidings.yaml:12:5: stream.heartbeat: '15' is not a duration with its unit, …`
    public var description: String {
        var place = source.description
        if case .file(_, _, let column) = source { place += ":\(column)" }
        return ([place] + [setting].compactMap(\.self) + [message]).joined(separator: ": ")
    }
}

/// Everything wrong with a configuration: nothing of it was used.
public struct ConfigurationError: Error, CustomStringConvertible, Sendable {
    /// Never empty; the file's in the order of its lines, then the environment's, then the command line's.
    public let problems: [ConfigurationProblem]

    /// One problem a line.
    public var description: String { problems.map(\.description).joined(separator: "\n") }
}

/// The known name that was probably meant.
enum Suggestion {
    /// Nil when nothing is near: a wrong guess is worse than none.
    static func nearest(to name: String, among known: some Sequence<String>) -> String? {
        let near = known.map { ($0, distance(name, $0)) }.min { $0.1 < $1.1 }
        return near.flatMap { $0.1 <= max(2, name.count / 3) ? $0.0 : nil }
    }

    /// Levenshtein's, in letters.
    private static func distance(_ left: String, _ right: String) -> Int {
        let right = Array(right)
        var row = Array(0...right.count)
        for (index, letter) in left.enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for column in right.indices {
                let replaced = diagonal + (letter == right[column] ? 0 : 1)
                diagonal = row[column + 1]
                row[column + 1] = min(replaced, diagonal + 1, row[column] + 1)
            }
        }
        return row[right.count]
    }
}
