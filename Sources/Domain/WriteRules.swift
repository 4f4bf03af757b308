// What tills may write: which columns of an entity, and what a value must be. The catalogue says it in the
// words of Laravel's validator, since that is what the people who write it know, and so do the messages.

/// A value that a till uploads for a column.
public enum UploadValue: Hashable, Sendable {
    case null
    case integer(Int64)
    /// A number that is no integer, as it was written.
    case decimal(String)
    case boolean(Bool)
    case text(String)
    /// Anything nested, as JSON.
    case json([UInt8])
    /// The id that another operation was given.
    case reference(operation: String)
}

/// What is wrong with one field, in a sentence.
public typealias WriteFailure = (field: String, message: String)

/// One requirement of a value.
public enum WriteRule: Hashable, Sendable {
    case required
    case string
    case integer
    /// A decimal number of at most twelve digits before the point and six behind it, as text or number.
    case decimal
    case boolean
    case date
    case json
    /// Characters of a string, or the value of a number.
    case max(Int64)
    case min(Int64)
    case among([String])
    /// The id of a live record of this entity in the same business.
    case exists(EntityName)

    /// Reads `required`, `max:200`, `in:a,b`, `exists:products`. Nil for anything else.
    public init?(_ text: String) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let argument = parts.count > 1 ? String(parts[1]) : nil
        switch (String(parts[0]), argument) {
        case ("required", nil): self = .required
        case ("string", nil): self = .string
        case ("integer", nil): self = .integer
        case ("decimal", nil): self = .decimal
        case ("boolean", nil): self = .boolean
        case ("date", nil): self = .date
        case ("json", nil): self = .json
        case ("max", let limit?):
            guard let limit = Int64(limit) else { return nil }
            self = .max(limit)
        case ("min", let limit?):
            guard let limit = Int64(limit) else { return nil }
            self = .min(limit)
        case ("in", let list?):
            let words = list.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
            guard words.allSatisfy({ !$0.isEmpty }) else { return nil }
            self = .among(words)
        case ("exists", let name?):
            guard let name = EntityName(name) else { return nil }
            self = .exists(name)
        default: return nil
        }
    }
}

/// A column that tills may set.
public struct WritableField: Hashable, Sendable {
    /// As tills call it.
    public let name: String
    public let column: String
    public let rules: [WriteRule]

    public init(name: String, column: String, rules: [WriteRule]) {
        self.name = name
        self.column = column
        self.rules = rules
    }

    public var isRequired: Bool { rules.contains(.required) }

    /// As messages call it: `category id`.
    public var title: String { name.split(separator: "_").joined(separator: " ") }

    /// The entity whose records this points to.
    public var target: EntityName? {
        for case .exists(let entity) in rules { return entity }
        return nil
    }

    private var isNumeric: Bool { rules.contains(.decimal) || rules.contains(.integer) }

    /// What is wrong with a value, in a sentence; nil: nothing that can be told without the database.
    public func complaint(about value: UploadValue) -> String? {
        switch value {
        case .reference: return target == nil ? "The \(title) field must not be a reference." : nil
        case .null: return isRequired ? "The \(title) field is required." : nil
        case .text(let text) where text.utf8.contains(0):
            return "The \(title) field must not contain NUL characters."
        default:
            for rule in rules {
                if let text = rule.complaint(about: value, isNumeric: isNumeric) {
                    return "The \(title) field \(text)."
                }
            }
            return nil
        }
    }
}

extension WriteRule {
    fileprivate func complaint(about value: UploadValue, isNumeric: Bool) -> String? {
        switch self {
        case .required: return value == .text("") ? "is required" : nil
        case .string: if case .text = value { return nil } else { return "must be a string" }
        case .integer: if case .integer = value { return nil } else { return "must be an integer" }
        case .exists:
            switch value {
            case .integer, .text: return nil
            default: return "must be an id"
            }
        case .decimal: return Self.isDecimal(value) ? nil : "must be a number"
        case .boolean:
            switch value {
            case .boolean, .integer(0), .integer(1): return nil
            default: return "must be true or false"
            }
        case .date:
            if case .text(let text) = value, Timestamp(rfc3339: text) != nil { return nil }
            return "must be a valid date"
        case .json: if case .json = value { return nil } else { return "must be a list or an object" }
        case .max(let limit):
            guard let size = Self.size(of: value, isNumeric: isNumeric), size > Double(limit) else {
                return nil
            }
            return "must not be greater than \(limit)\(isNumeric ? "" : " characters")"
        case .min(let limit):
            guard let size = Self.size(of: value, isNumeric: isNumeric), size < Double(limit) else {
                return nil
            }
            return "must be at least \(limit)\(isNumeric ? "" : " characters")"
        case .among(let list):
            if case .text(let text) = value, list.contains(where: text.hasSameBytes) { return nil }
            return "must be one of \(list.joined(separator: ", "))"
        }
    }

    private static func isDecimal(_ value: UploadValue) -> Bool {
        let text: String
        switch value {
        case .integer(let number): return number.magnitude < 1_000_000_000_000
        case .decimal(let number): text = number
        case .text(let number): text = number
        default: return false
        }
        let digits = text.hasPrefix("-") ? text.dropFirst() : text[...]
        let parts = digits.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        func areDigits(_ part: Substring, most: Int) -> Bool {
            (1...most).contains(part.utf8.count) && part.utf8.allSatisfy { (0x30...0x39).contains($0) }
        }
        return areDigits(parts[0], most: 12) && (parts.count == 1 || areDigits(parts[1], most: 6))
    }

    private static func size(of value: UploadValue, isNumeric: Bool) -> Double? {
        switch value {
        case .text(let text): isNumeric ? Double(text) : Double(text.unicodeScalars.count)
        case .integer(let number): Double(number)
        case .decimal(let number): Double(number)
        default: nil
        }
    }
}

/// What becomes of an update whose record has changed since the till last saw it.
public enum ConflictPolicy: String, Hashable, Sendable, CaseIterable {
    /// The till is told, with the record as it is.
    case reject
    /// It is applied all the same.
    case lastWriteWins = "last_write_wins"
    /// Fields that nobody else changed are applied; it takes the values the till started from, in `base`.
    case merge
}
