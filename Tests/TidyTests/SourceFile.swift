// A file as the rules look at it. Rules about code must not be led astray by what stands in strings and
// comments, so each line is kept twice: as written, and with those blanked. A scanner of three states is
// enough for that; it is not a Swift parser, and rules that would need one are left to the compiler.

import Foundation

/// One text file of the repository. A value.
struct SourceFile: Sendable {
    /// Relative to the repository's root.
    let path: String
    let lines: [String]
    /// The lines with comments and the contents of strings as spaces. The same as `lines` unless this is
    /// Swift.
    let code: [String]
    /// Whether the line begins within a multi-line string: it is data, not code.
    let isData: [Bool]

    init(path: String, text: String) {
        self.path = path
        lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        guard path.hasSuffix(".swift") else {
            code = lines
            isData = lines.map { _ in false }
            return
        }
        var scanner = CodeScanner()
        (code, isData) = scanner.scan(lines)
    }

    var isSwift: Bool { path.hasSuffix(".swift") }
    var isMarkdown: Bool { path.hasSuffix(".md") }
    var isScript: Bool { path.hasPrefix("scripts/") || path == ".ci/run" }
    var isTest: Bool { path.hasPrefix("Tests/") || path.hasPrefix("Sources/TidingsTesting/") }

    /// `Sources/HTTP/Request.swift` → `HTTP`.
    var target: String? {
        let parts = path.split(separator: "/")
        return parts.count >= 3 ? String(parts[1]) : nil
    }

    /// The doc comment directly above a line, attributes between them allowed.
    func documentation(above line: Int) -> String {
        var collected: [Substring] = []
        var index = line - 1
        while index >= 0 {
            let text = lines[index].drop { $0 == " " }
            if text.hasPrefix("///") {
                collected.insert(text.dropFirst(3), at: 0)
            } else if !text.hasPrefix("@") {
                break
            }
            index -= 1
        }
        return collected.joined(separator: " ")
    }
}

/// Blanks comments and strings. Knows `//`, `"…"`, `"""`, `#"…"#` and interpolations, which it leaves as
/// code.
private struct CodeScanner {
    private enum State: Equatable {
        case code
        /// Within `\(…)`; ends when its parentheses are balanced.
        case interpolation(depth: Int)
        case string(pounds: Int, isLong: Bool)
    }

    private var text: [Character] = []
    private var index = 0
    private var states: [State] = [.code]
    private var line = ""
    private var code: [String] = []
    private var isData: [Bool] = []
    private var beganAsData = false

    mutating func scan(_ lines: [String]) -> (code: [String], isData: [Bool]) {
        for written in lines {
            if states == [.code], !written.contains("\""), !written.contains("//") {
                line = written  // as most are
            } else {
                text = Array(written)
                index = 0
                while index < text.count { step() }
            }
            endLine()
        }
        return (code, isData)
    }

    private mutating func endLine() {
        code.append(line)
        isData.append(beganAsData)
        line = ""
        if case .string(_, isLong: true) = states.last { beganAsData = true } else { beganAsData = false }
    }

    private mutating func step() {
        if case .string(let pounds, let isLong) = states.last {
            stepInString(pounds: pounds, isLong: isLong)
        } else {
            stepInCode()
        }
    }

    private mutating func stepInCode() {
        if matches("//") {
            while index < text.count { take(blank: true) }
            return
        }
        let pounds = text[index...].prefix { $0 == "#" }.count
        if index + pounds < text.count, text[index + pounds] == "\"" {
            let isLong = matches("\"\"\"", at: index + pounds)
            for _ in 0..<(pounds + (isLong ? 3 : 1)) { take(blank: false) }
            states.append(.string(pounds: pounds, isLong: isLong))
            return
        }
        if case .interpolation(let depth) = states.last {
            let change = text[index] == "(" ? 1 : text[index] == ")" ? -1 : 0
            states[states.count - 1] = .interpolation(depth: depth + change)
            if depth + change == 0 { states.removeLast() }
        }
        take(blank: false)
    }

    private mutating func stepInString(pounds: Int, isLong: Bool) {
        let fence = String(repeating: "#", count: pounds)
        if matches("\\" + fence + "(") {
            for _ in 0..<(pounds + 2) { take(blank: true) }
            states.append(.interpolation(depth: 1))
        } else if matches("\\" + fence) {
            for _ in 0..<min(pounds + 2, text.count - index) { take(blank: true) }
        } else if matches((isLong ? "\"\"\"" : "\"") + fence) {
            for _ in 0..<(pounds + (isLong ? 3 : 1)) { take(blank: false) }
            states.removeLast()
        } else {
            take(blank: true)
        }
    }

    private mutating func take(blank: Bool) {
        line.append(blank ? " " : text[index])
        index += 1
    }

    private func matches(_ pattern: String, at place: Int? = nil) -> Bool {
        let place = place ?? index
        return place + pattern.count <= text.count
            && text[place..<(place + pattern.count)].elementsEqual(pattern)
    }
}

/// The repository this test was built from.
enum Tree {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// Every text file that is kept, in order of path.
    static let files: [SourceFile] = {
        let places = [
            "Package.swift", "README.md", "CHANGELOG.md", ".ci/run", "Sources", "Tests", "docs", "scripts",
            "config",
        ]
        return places.flatMap(paths).sorted().compactMap { path in
            guard let text = try? String(contentsOf: root.appending(path: path), encoding: .utf8) else {
                return nil
            }
            return SourceFile(path: path, text: text)
        }
    }()

    private static func paths(under place: String) -> [String] {
        let url = root.appending(path: place)
        guard let inside = FileManager.default.enumerator(atPath: url.path) else { return [place] }
        let found = inside.compactMap { $0 as? String }.map { "\(place)/\($0)" }
        let files = found.filter { path in
            var isDirectory: ObjCBool = false
            _ = unsafe FileManager.default.fileExists(
                atPath: root.appending(path: path).path, isDirectory: &isDirectory)
            return !isDirectory.boolValue && !path.contains("__pycache__")
        }
        return files.isEmpty ? [place] : files
    }
}
