// SPDX-License-Identifier: GPL-3.0-or-later
#include "io/audit.hpp"

#include "crypto/secret_bytes.hpp"
#include "qapi/json.hpp"
#include "util/text.hpp"
#include "util/time.hpp"

#include <openssl/evp.h>

#include <array>
#include <cerrno>
#include <filesystem>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace minivisor::io {

namespace {

constexpr std::size_t hash_size = 64; ///< in hexadecimal
constexpr std::size_t max_line = std::size_t{1} << 20;
constexpr std::string_view hash_begin = R"(, "hash": ")";
constexpr std::string_view hash_end = "\"}";
/// By which the entries of the journal are found.
constexpr std::string_view audit_message_id = "8bb2c5a4c9dd490896f96565960124d1";
constexpr std::size_t tail_size = hash_begin.size() + hash_size + hash_end.size();

std::string const& no_hash()
{
    static std::string const zeros(hash_size, '0');
    return zeros;
}

Result<std::string> sha256(std::string_view text)
{
    std::array<std::uint8_t, 32> digest;
    unsigned size = 0;
    crypto::keep_secrets_apart();
    if (EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1 || size != digest.size())
        return Error::generic("SHA-256 is not available");
    return util::to_hex(digest);
}

/// A line's own hash and what it says of its place.
struct Link {
    std::string hash;
    std::string previous;
    std::uint64_t number = 0;
};

/// Errors say what is wrong with the line, which stands without its line end.
Result<Link> read_link(std::string_view line)
{
    if (line.size() <= tail_size || !line.ends_with(hash_end)
        || line.substr(line.size() - tail_size, hash_begin.size()) != hash_begin)
        return Error::generic("it is no line of an audit trail");
    Link link;
    link.hash = line.substr(line.size() - hash_end.size() - hash_size, hash_size);
    auto const record = cat(line.substr(0, line.size() - tail_size), "}");
    if (TRY(sha256(record)) != link.hash)
        return Error::generic("it was altered: its hash is another one");
    auto const value = qapi::parse_json(record);
    auto const* const object = value ? value->if_object() : nullptr;
    auto const* const number = object ? object->if_contains("number") : nullptr;
    auto const* const previous = object ? object->if_contains("previous") : nullptr;
    if (!number || !number->is_int64() || number->get_int64() < 1 || !previous || !previous->is_string()
        || previous->get_string().size() != hash_size)
        return Error::generic("it is no line of an audit trail");
    link.number = static_cast<std::uint64_t>(number->get_int64());
    link.previous = qapi::str(previous->get_string());
    return link;
}

/// The last line of a file of that size, with its line end; empty for an empty file.
Result<std::string> read_last_line(int fd, std::size_t size)
{
    std::string text(std::min(size, max_line + 1), '\0');
    for (std::size_t have = 0; have < text.size();) {
        auto const count
            = pread(fd, text.data() + have, text.size() - have, static_cast<off_t>(size - text.size() + have));
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return Error::system("it cannot be read", count < 0 ? errno : EIO);
        have += static_cast<std::size_t>(count);
    }
    auto const before = text.size() < 2 ? std::string::npos : text.rfind('\n', text.size() - 2);
    if (before != std::string::npos)
        text.erase(0, before + 1);
    return text;
}

} // namespace

struct AuditTrail::Opened {
    util::UniqueFd fd;
    std::optional<Link> last; ///< absent in an empty file
};

Result<AuditTrail::Opened> AuditTrail::open_file(std::string const& path)
{
    Opened opened;
    // Not through a link, and not waiting for the other end of a FIFO.
    constexpr int flags = O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
    opened.fd.reset(::open(path.c_str(), flags, 0600));
    if (!opened.fd)
        return errno == ELOOP ? Error::generic("it is a symbolic link") : Error::system("it cannot be opened", errno);
    struct stat about { };
    if (fstat(opened.fd.get(), &about) != 0)
        return Error::system("it cannot be looked at", errno);
    if (!S_ISREG(about.st_mode))
        return Error::generic("it is no regular file");
    if (flock(opened.fd.get(), LOCK_EX | LOCK_NB) != 0)
        return errno == EWOULDBLOCK ? Error::generic("another process writes it")
                                    : Error::system("it cannot be locked", errno);
    auto const line = TRY(read_last_line(opened.fd.get(), static_cast<std::size_t>(about.st_size)));
    if (line.empty())
        return opened;
    auto link = line.ends_with('\n') ? read_link(std::string_view(line).substr(0, line.size() - 1))
                                     : Result<Link>(Error::generic("it is not whole"));
    if (!link)
        return std::move(link).error().context("its last line cannot be gone on from");
    opened.last = *std::move(link);
    return opened;
}

void AuditTrail::use(Opened opened)
{
    m_fd = std::move(opened.fd);
    if (!opened.last)
        return; // a new file: the chain goes on in it
    m_last_hash = std::move(opened.last->hash);
    m_number = opened.last->number;
}

AuditTrail::AuditTrail(std::string name)
    : m_name(std::move(name))
    , m_last_hash(no_hash())
{
}

Result<AuditTrail> AuditTrail::open(std::string path)
{
    std::error_code failed;
    auto whole = std::filesystem::absolute(path, failed).string(); // -daemonize changes the directory
    if (failed)
        return Error::system(cat("Audit file '", path, '\''), failed.value());
    AuditTrail trail(cat("Audit file '", whole, '\''));
    trail.m_path = std::move(whole);
    auto opened = open_file(trail.m_path);
    if (!opened)
        return std::move(opened).error().context(trail.m_name);
    trail.use(*std::move(opened));
    return trail;
}

Result<AuditTrail> AuditTrail::open_journal(std::string socket)
{
    AuditTrail trail(cat("Audit journal '", socket, '\''));
    auto journal = Journal::open(std::move(socket));
    if (!journal)
        return std::move(journal).error().context(trail.m_name);
    trail.m_journal = *std::move(journal);
    return trail;
}

Result<void> AuditTrail::reopen()
{
    if (m_journal) {
        if (auto opened = m_journal->reopen(); !opened)
            return std::move(opened).error().context(m_name);
        return {};
    }
    m_fd.reset(); // also its lock
    auto opened = open_file(m_path);
    if (!opened)
        return std::move(opened).error().context(m_name);
    if (opened->last && opened->last->hash != m_last_hash)
        return Error::generic(cat(m_name, ": it does not end with the line that was written last"));
    use(*std::move(opened));
    return {};
}

Result<void> AuditTrail::append(qapi::Object record)
{
    auto const failed = [this](Error error) {
        ++m_lost;
        return std::move(error).context(m_name);
    };
    qapi::Object entry{{"time", util::utc_text(std::chrono::system_clock::now())}, {"number", m_number + 1}};
    if (m_lost > 0)
        entry["lost"] = m_lost;
    for (auto& member : record)
        entry.emplace(member.key(), std::move(member.value()));
    entry["previous"] = m_last_hash;
    auto line = qapi::to_json(qapi::Value(entry));
    if (line.size() + tail_size > max_line)
        return failed(Error::generic("the record is too long"));
    auto hash = sha256(line);
    if (!hash)
        return failed(std::move(hash).error());
    line.pop_back();
    line += cat(hash_begin, *hash, hash_end);
    auto written = m_journal ? write_to_journal(std::move(line), entry) : write_to_file(line += '\n');
    if (!written)
        return failed(std::move(written).error());
    m_last_hash = *std::move(hash);
    ++m_number;
    m_lost = 0;
    return {};
}

Result<void> AuditTrail::write_to_file(std::string_view line)
{
    if (!m_fd)
        return Error::generic("it is not open");
    struct stat before { };
    if (fstat(m_fd.get(), &before) != 0)
        return Error::system("it cannot be looked at", errno);
    auto const written = util::write_all(m_fd.get(), line);
    // Half a line would be taken for an altered one.
    if (!written && ftruncate(m_fd.get(), before.st_size) != 0)
        m_fd.reset();
    return written;
}

Result<void> AuditTrail::write_to_journal(std::string line, qapi::Object const& entry)
{
    std::vector<JournalField> fields{{"MESSAGE", std::move(line)}, {"MESSAGE_ID", std::string(audit_message_id)},
        {"SYSLOG_IDENTIFIER", "minivisor"}, {"SYSLOG_FACILITY", "10"}}; // authpriv
    constexpr std::array<std::pair<std::string_view, std::string_view>, 4> shown{{{"MINIVISOR_DECISION", "decision"},
        {"MINIVISOR_IDENTITY", "identity"}, {"MINIVISOR_OBJECT", "object"}, {"MINIVISOR_PEER", "peer"}}};
    for (auto const& [name, key] : shown)
        if (auto const* const value = entry.if_contains(key); value && value->is_string())
            fields.push_back({name, qapi::str(value->get_string())});
    auto const* const decision = entry.if_contains("decision");
    bool const allowed = decision && *decision == qapi::Value("allow");
    fields.push_back({"PRIORITY", allowed ? "6" : "4"}); // info, warning
    return m_journal->send(fields);
}

namespace {

/// Reads a file line by line; no more than one line, which is bounded, is held.
class Lines {
public:
    explicit Lines(util::UniqueFd fd)
        : m_fd(std::move(fd))
    {
    }

    /// With its line end, or without where the file or max_line ends first; empty at the end.
    Result<std::string> next()
    {
        for (;;) {
            auto const end = m_text.find('\n', m_begin);
            if (end != std::string::npos)
                return take(end + 1 - m_begin);
            if (m_text.size() - m_begin > max_line || m_at_end)
                return take(m_text.size() - m_begin);
            m_text.erase(0, std::exchange(m_begin, 0));
            auto const have = m_text.size();
            constexpr std::size_t block = std::size_t{1} << 16;
            m_text.resize(have + block);
            auto const count = ::read(m_fd.get(), m_text.data() + have, block);
            m_text.resize(have + (count > 0 ? static_cast<std::size_t>(count) : 0));
            if (count < 0 && errno != EINTR)
                return Error::system("Failed to read file", errno);
            m_at_end = count == 0;
        }
    }

private:
    std::string take(std::size_t size) { return m_text.substr(std::exchange(m_begin, m_begin + size), size); }

    util::UniqueFd m_fd;
    std::string m_text;
    std::size_t m_begin = 0;
    bool m_at_end = false;
};

/// The fault of a line that stands where `check` has come to; empty: none, and it is counted.
std::string follow(AuditCheck& check, std::uint64_t& number, std::string_view line)
{
    if (!line.ends_with('\n'))
        return line.size() > max_line ? "it is no line of an audit trail" : "it is not whole";
    auto const link = read_link(line.substr(0, line.size() - 1));
    if (!link)
        return link.error().desc();
    if (check.lines == 0)
        check.begins_after = link->previous == no_hash() ? std::string() : link->previous;
    else if (link->previous != check.last_hash)
        return link->number > number + 1 ? cat("lines in front of it are missing: ", link->number - number - 1)
                                         : "it does not go on from the one in front of it";
    number = link->number;
    check.last_hash = link->hash;
    ++check.lines;
    return {};
}

} // namespace

Result<AuditCheck> check_audit(std::string const& path)
{
    util::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!fd)
        return Error::system(cat("Failed to open file '", path, '\''), errno);
    Lines lines(std::move(fd));
    AuditCheck check;
    check.last_hash = no_hash();
    for (std::uint64_t number = 0; check.fault.empty();) {
        auto const line = TRY(lines.next());
        if (line.empty())
            break;
        check.fault = follow(check, number, line);
    }
    return check;
}

} // namespace minivisor::io
