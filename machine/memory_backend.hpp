// SPDX-License-Identifier: GPL-3.0-or-later
// The types memory-backend-ram, -file and -memfd (qmp-surface section 8.4): host memory as an object,
// of which a machine makes its RAM. Mapped, bound to its NUMA nodes and allocated when it is created.
#pragma once

#include "machine/host_memory.hpp"
#include "qapi/schema/machine.hpp"
#include "qom/user_type.hpp"

namespace minivisor::machine {

/// What all three types take; defaults are what an absent member means.
struct MemoryBackendOptions {
    qapi::Size size;
    std::optional<bool> dump, merge, prealloc, reserve, share;
    std::optional<std::vector<std::uint16_t>> host_nodes;
    std::optional<qapi::HostMemPolicy> policy;
    std::optional<std::uint32_t> prealloc_threads;
    std::optional<bool> x_use_canonical_path_for_ramblock_id;
};
BOOST_DESCRIBE_STRUCT(MemoryBackendOptions, (),
    (size, dump, merge, prealloc, reserve, share, host_nodes, policy, prealloc_threads,
        x_use_canonical_path_for_ramblock_id))
constexpr auto docs(MemoryBackendOptions const*)
{
    return qapi::members({{"size", "how much memory"}, {"dump", "part of core dumps (default on)"},
        {"merge", "equal pages may be merged (default on)"}, {"prealloc", "allocate all of it at once (default off)"},
        {"reserve", "reserve swap space (default on)"},
        {"share", "others that map it see changes (default off; on for memfd)"},
        {"host-nodes", "NUMA nodes of the host, from which its pages come"},
        {"policy", "how the pages are spread over them (default: as for any memory)"},
        {"prealloc-threads", "how many threads allocate (default 1; no more than there are CPUs, nor than 16)"},
        {"x-use-canonical-path-for-ramblock-id", "name the RAM block by the object's path (default off)"}});
}

struct MemoryBackendRamOptions : MemoryBackendOptions { };
BOOST_DESCRIBE_STRUCT(MemoryBackendRamOptions, (MemoryBackendOptions), ())
constexpr auto docs(MemoryBackendRamOptions const*) { return qapi::members(); }

struct MemoryBackendFileOptions : MemoryBackendOptions {
    std::string mem_path;
};
BOOST_DESCRIBE_STRUCT(MemoryBackendFileOptions, (MemoryBackendOptions), (mem_path))
constexpr auto docs(MemoryBackendFileOptions const*)
{
    return qapi::members({{"mem-path", "the file, made if it is not there; or a directory for a temporary file"}});
}

struct MemoryBackendMemfdOptions : MemoryBackendOptions {
    std::optional<bool> hugetlb, seal;
};
BOOST_DESCRIBE_STRUCT(MemoryBackendMemfdOptions, (MemoryBackendOptions), (hugetlb, seal))
constexpr auto docs(MemoryBackendMemfdOptions const*)
{
    return qapi::members(
        {{"hugetlb", "huge pages (default off)"}, {"seal", "seal against shrinking and growing (default on)"}});
}

/// What a machine needs of a backend, whatever its type.
class MemoryBackend {
public:
    virtual ~MemoryBackend() = default;
    virtual std::shared_ptr<HostMemory> const& memory() const = 0;
    /// None is absent: defaults stand where nothing was said.
    virtual MemoryBackendOptions const& backend_options() const = 0;
    /// From now on the object cannot be deleted. False when another machine part has it already.
    bool claim() { return !std::exchange(m_claimed, true); }
    bool claimed() const { return m_claimed; }

private:
    bool m_claimed = false;
};

/// One class a type: they differ in their options and in how the memory is made.
template <typename OptionsType>
class MemoryBackendObject final : public qom::OptionsObject<OptionsType>, public MemoryBackend {
public:
    static Result<std::unique_ptr<MemoryBackendObject>> create(qom::Type const& type, OptionsType options, qom::Tree&);

    MemoryBackendObject(qom::Type const& type, OptionsType options, std::shared_ptr<HostMemory> memory)
        : qom::OptionsObject<OptionsType>(type, std::move(options))
        , m_memory(std::move(memory))
    {
    }
    bool is_in_use() const override { return claimed(); }
    std::shared_ptr<HostMemory> const& memory() const override { return m_memory; }
    MemoryBackendOptions const& backend_options() const override { return this->m_options; }

private:
    std::shared_ptr<HostMemory> m_memory;
};

void register_memory_backends(qom::TypeRegistry& types);

/// All backends, as query-memdev lists them.
std::vector<qapi::Memdev> list_memory_backends(qom::Tree& tree);

} // namespace minivisor::machine
