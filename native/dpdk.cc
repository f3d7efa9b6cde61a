#include "addon.h"
NODE_MODULE_INIT() {}
