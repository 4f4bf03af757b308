// config/tidings.yaml, both ways: read with the line of every value, and written from the table, so that the
// file's prose can never disagree with the program.

import Yams

extension Layers {
    /// Takes over what the text says; every problem is noted with its line.
    mutating func apply(yaml: String, path: String) {
        func place(_ mark: Mark?) -> SettingSource {
            .file(path, line: mark?.line ?? 1, column: mark?.column ?? 1)
        }
        let root: Node?
        do {
            root = try Yams.compose(yaml: yaml)
        } catch let error as YamlError {
            let (message, mark) = error.sentence
            return complain(message, at: place(mark))
        } catch {
            return complain("\(error)", at: place(nil))
        }
        guard let root, !root.isEmptyValue else { return }
        guard case .mapping(let sections) = root else {
            return complain("expected sections, such as 'stream:'", at: place(root.mark))
        }
        for (name, content) in sections {
            guard let section = Setting.sections.first(where: { $0.name == name.string }) else {
                complain(Self.unknownSection(name.string ?? "?"), at: place(name.mark))
                continue
            }
            if content.isEmptyValue { continue }
            guard case .mapping(let values) = content else {
                complain(
                    "expected settings below it, one a line", about: section.name, at: place(content.mark))
                continue
            }
            for (key, value) in values { apply(key, value, of: section, at: place(key.mark)) }
        }
    }

    private mutating func apply(
        _ key: Node, _ value: Node, of section: SettingsSection, at place: SettingSource
    ) {
        let name = "\(section.name).\(key.string ?? "?")"
        guard let setting = Self.setting(named: name) else {
            let nearby = section.settings.map(\.name)
            let known = Suggestion.nearest(to: name, among: nearby) == nil ? Setting.all.map(\.name) : nearby
            return complain(Self.unknown(name, among: known), at: place)
        }
        if value.isEmptyValue {
            return complain("it has no value; leave the line out for the default", about: name, at: place)
        }
        switch value {
        case .scalar(let scalar): set(setting, to: scalar.string, from: place)
        case .sequence(let elements) where setting.isList && elements.allSatisfy({ $0.scalar != nil }):
            set(setting, to: elements.compactMap(\.string).joined(separator: ","), from: place)
        default: complain("expected \(setting.expectation)", about: name, at: place)
        }
    }

    private static func unknownSection(_ name: String) -> String {
        let suggestion = Suggestion.nearest(to: name, among: Setting.sections.map(\.name))
        return "there is no section '\(name)'" + (suggestion.map { "; did you mean '\($0)'?" } ?? "")
    }
}

extension Node {
    /// `key:` with nothing behind it, or `~`. A quoted empty text is a value.
    fileprivate var isEmptyValue: Bool {
        guard case .scalar(let scalar) = self else { return false }
        return scalar.style == .plain && ["", "~", "null"].contains(scalar.string)
    }
}

extension YamlError {
    /// What is wrong, in a sentence, and where.
    fileprivate var sentence: (String, Mark?) {
        switch self {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            (problem, mark)
        case .duplicatedKeysInMapping(let duplicates, let context):
            ("given twice: " + duplicates.sorted().joined(separator: ", "), context.mark)
        default: ("not YAML: \(self)", nil)
        }
    }
}

extension Setting {
    /// config/tidings.yaml as it is shipped: every setting with its prose, its bounds and its default,
    /// commented out.
    public static func template() -> String {
        var lines = [
            "# The configuration of Tidings. Every setting is here with its default; remove the # "
                + "before one to change",
            "# it. The environment wins over this file (stream.heartbeat: "
                + "TIDINGS_STREAM_HEARTBEAT), the command line over",
            "# both (--set stream.heartbeat=20s). Unknown names are refused. `tidings config "
                + "check` reads it, `tidings",
            "# config show` prints every value and where it came from.",
            "#",
            "# Settings marked reload change at once on SIGHUP (`systemctl reload`); a file with a mistake "
                + "changes nothing",
            "# and is logged. The others wait for a restart.",
            "#",
            "# Durations have a unit: us, ms, s, m, h, d. Sizes too: B, KiB, MiB, GiB.",
        ]
        for section in sections {
            lines += ["", "# " + section.help, section.name + ":"]
            let isTable = section.settings.contains { $0.beyond != nil }
            lines += isTable ? table(section) : Array(section.settings.map(\.entry).joined(separator: [""]))
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private var entry: [String] {
        let remark = remarks.isEmpty ? "" : " (\(remarks))"
        let prose = (help + remark).wrapped(at: 100).map { "  # " + $0 }
        return prose + ["  #\(key): \(yamlText)"]
    }

    /// The bounds, and whether a reload is enough.
    private var remarks: String {
        [bounds, isReloadable ? "reload" : nil].compactMap(\.self).joined(separator: "; ")
    }

    private static func table(_ section: SettingsSection) -> [String] {
        let rows = section.settings.map {
            ["#\($0.key): \($0.yamlText)", $0.remarks, $0.beyond ?? "", $0.help]
        }
        let heads = ["limit", "bounds", "beyond it", "what is limited"]
        let widths = heads.indices.map { column in
            ([heads] + rows).map { $0[column].count }.max() ?? 0
        }
        func line(_ cells: [String], _ mark: String) -> String {
            var text = "  " + cells[0].padded(to: widths[0]) + mark
            text += cells[1].padded(to: widths[1]) + " | " + cells[2].padded(to: widths[2]) + " | " + cells[3]
            return text
        }
        return [line(["# limit"] + heads.dropFirst(), "   ")] + rows.map { line($0, " # ") }
    }

    private var yamlText: String {
        if isList { return "[\(standard)]" }
        return standard.isEmpty ? "\"\"" : standard
    }
}

extension String {
    fileprivate func padded(to width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - count))
    }

    fileprivate func wrapped(at width: Int) -> [String] {
        var lines: [String] = []
        for word in split(separator: " ") {
            if let last = lines.last, last.count + 1 + word.count <= width {
                lines[lines.count - 1] = "\(last) \(word)"
            } else {
                lines.append(String(word))
            }
        }
        return lines
    }
}
