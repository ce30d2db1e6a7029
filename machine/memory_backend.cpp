// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/memory_backend.hpp"

#include "qom/tree.hpp"
#include "util/text.hpp"

#include <cassert>
#include <linux/mempolicy.h>

namespace minivisor::machine {

namespace {

/// Puts QEMU's defaults in place of what was not said, so that each option can be read.
void fill_in(MemoryBackendOptions& options)
{
    for (auto* option : {&options.dump, &options.merge, &options.reserve})
        *option = option->value_or(true);
    for (auto* option : {&options.prealloc, &options.share, &options.x_use_canonical_path_for_ramblock_id})
        *option = option->value_or(false);
    options.host_nodes = options.host_nodes.value_or(std::vector<std::uint16_t>());
    options.policy = options.policy.value_or(qapi::HostMemPolicy::default_);
    options.prealloc_threads = options.prealloc_threads.value_or(1);
}

void fill_in(MemoryBackendMemfdOptions& options)
{
    options.share = options.share.value_or(true);
    options.hugetlb = options.hugetlb.value_or(false);
    options.seal = options.seal.value_or(true);
    fill_in(static_cast<MemoryBackendOptions&>(options));
}

/// Refuses what cannot be meant, and gives the rest to the mapping. The options are filled in.
Result<HostMemoryOptions> mapping_options(std::string const& type, MemoryBackendOptions const& options)
{
    if (options.size.bytes == 0)
        return Error::generic(cat("property 'size' of ", type, " doesn't take value '0'"));
    if (options.prealloc_threads == 0)
        return Error::generic(cat("property 'prealloc-threads' of ", type, " doesn't take value '0'"));
    for (auto node : *options.host_nodes) {
        if (node >= 128)
            return Error::generic(cat("Invalid host-nodes value: ", node));
    }
    if (*options.prealloc && !*options.reserve)
        return Error::generic("'prealloc=on' and 'reserve=off' are incompatible");
    HostMemoryOptions mapping;
    mapping.share = *options.share;
    mapping.merge = *options.merge;
    mapping.dump = *options.dump;
    mapping.reserve = *options.reserve;
    return mapping;
}

Result<std::shared_ptr<HostMemory>> map_memory(std::string const& type, MemoryBackendRamOptions const& options)
{
    return HostMemory::anonymous(type, options.size.bytes, TRY(mapping_options(type, options)));
}

Result<std::shared_ptr<HostMemory>> map_memory(std::string const& type, MemoryBackendFileOptions const& options)
{
    auto const mapping = TRY(mapping_options(type, options));
    return HostMemory::file(options.mem_path, options.size.bytes, mapping);
}

Result<std::shared_ptr<HostMemory>> map_memory(std::string const& type, MemoryBackendMemfdOptions const& options)
{
    auto mapping = TRY(mapping_options(type, options));
    mapping.hugetlb = *options.hugetlb;
    mapping.seal = *options.seal;
    return HostMemory::memfd(type, options.size.bytes, mapping);
}

int kernel_policy(qapi::HostMemPolicy policy)
{
    switch (policy) {
    case qapi::HostMemPolicy::default_: return MPOL_DEFAULT;
    case qapi::HostMemPolicy::preferred: return MPOL_PREFERRED;
    case qapi::HostMemPolicy::bind: return MPOL_BIND;
    case qapi::HostMemPolicy::interleave: return MPOL_INTERLEAVE;
    }
    assert(false);
    return MPOL_DEFAULT;
}

/// What is done with the memory once it is there: the nodes first, so that its pages come from them.
Result<void> place(HostMemory& memory, MemoryBackendOptions const& options)
{
    auto const& nodes = *options.host_nodes;
    bool const by_default = options.policy == qapi::HostMemPolicy::default_;
    if (by_default && !nodes.empty())
        return Error::generic("host-nodes must be empty for policy default, or you should explicitly specify a "
                              "policy other than default");
    if (!by_default && nodes.empty())
        return Error::generic(cat("host-nodes must be set for policy ", qapi::wire_name(*options.policy)));
    if (!by_default)
        TRY(memory.bind_to_nodes(kernel_policy(*options.policy), nodes));
    if (*options.prealloc)
        TRY(memory.preallocate(*options.prealloc_threads));
    return {};
}

template <typename Options>
void register_backend(qom::TypeRegistry& types, std::string name, std::string summary)
{
    qom::UserType<MemoryBackendObject<Options>>(std::move(name), std::move(summary)).add_to(types, "memory-backend");
}

} // namespace

template <typename OptionsType>
Result<std::unique_ptr<MemoryBackendObject<OptionsType>>> MemoryBackendObject<OptionsType>::create(
    qom::Type const& type, OptionsType options, qom::Tree&)
{
    fill_in(options);
    auto memory = TRY(map_memory(type.name, options));
    TRY(place(*memory, options));
    return std::make_unique<MemoryBackendObject>(type, std::move(options), std::move(memory));
}

template class MemoryBackendObject<MemoryBackendRamOptions>;
template class MemoryBackendObject<MemoryBackendFileOptions>;
template class MemoryBackendObject<MemoryBackendMemfdOptions>;

void register_memory_backends(qom::TypeRegistry& types)
{
    qom::Type base;
    base.name = "memory-backend";
    base.abstract = true;
    types.add(std::move(base));
    register_backend<MemoryBackendRamOptions>(
        types, "memory-backend-ram", "Memory of this process, as a machine's RAM.");
    register_backend<MemoryBackendFileOptions>(types, "memory-backend-file", "A mapped file, as a machine's RAM.");
    register_backend<MemoryBackendMemfdOptions>(
        types, "memory-backend-memfd", "Memory that others can map by its descriptor, as a machine's RAM.");
}

std::vector<qapi::Memdev> list_memory_backends(qom::Tree& tree)
{
    std::vector<qapi::Memdev> list;
    auto* objects = tree.root().find_child("objects");
    if (!objects)
        return list;
    for (auto const& child : objects->children()) {
        auto const* backend = dynamic_cast<MemoryBackend const*>(child.get());
        if (!backend)
            continue;
        auto const& options = backend->backend_options();
        auto& entry = list.emplace_back();
        entry.id = child->name();
        entry.size = options.size;
        entry.merge = *options.merge;
        entry.dump = *options.dump;
        entry.prealloc = *options.prealloc;
        entry.share = *options.share;
        entry.reserve = options.reserve;
        entry.host_nodes = *options.host_nodes;
        entry.policy = *options.policy;
    }
    return list;
}

} // namespace minivisor::machine
