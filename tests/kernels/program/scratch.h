// Whether the kernel's scratch arrays are guarded, each on pages of its own, or cut from pieces that are kept from call to call, as
// the library does it.
#pragma once

void GuardScratch(bool on);
