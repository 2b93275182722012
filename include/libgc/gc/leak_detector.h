/* gc/leak_detector.h - the same under the other name by which programs include it. */
#ifndef GC_GC_LEAK_DETECTOR_H
#define GC_GC_LEAK_DETECTOR_H

#include "../leak_detector.h"

#endif
