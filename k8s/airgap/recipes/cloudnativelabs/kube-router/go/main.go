// kube-router, as far as it enforces NetworkPolicies: flags and controller are its own. What makes
// routes and serves Services is left out: it brings BGP and the clients of clouds, which would take
// minutes to build.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/cloudnativelabs/kube-router/v2/pkg/controllers/netpol"
	"github.com/cloudnativelabs/kube-router/v2/pkg/healthcheck"
	"github.com/cloudnativelabs/kube-router/v2/pkg/options"
	"github.com/cloudnativelabs/kube-router/v2/pkg/svcip"
	"github.com/cloudnativelabs/kube-router/v2/pkg/version"
	"github.com/spf13/pflag"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
)

func main() {
	klog.InitFlags(nil)
	config := options.NewKubeRouterConfig()
	config.AddFlags(pflag.CommandLine)
	pflag.Parse()
	if err := start(config); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func start(config *options.KubeRouterConfig) error {
	if config.Version {
		version.PrintVersion(false)
		return nil
	}
	if !config.RunFirewall || config.RunRouter || config.RunServiceProxy || config.RunLoadBalancer {
		return errors.New("only the firewall is in here: --run-router=false --run-service-proxy=false")
	}
	if err := flag.Set("v", config.VLevel); err != nil {
		return err
	}
	// Without either of them these are the settings of the pod that it runs in.
	settings, err := clientcmd.BuildConfigFromFlags(config.Master, config.Kubeconfig)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(settings)
	if err != nil {
		return err
	}
	version.PrintVersion(true)
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer cancel()
	return enforce(ctx, client, config)
}

// enforce writes the rules anew at each change of a pod, a namespace or a policy, until ctx ends.
func enforce(ctx context.Context, client kubernetes.Interface, config *options.KubeRouterConfig) error {
	var running sync.WaitGroup
	health, err := healthcheck.NewHealthController(config)
	if err != nil {
		return err
	}
	running.Add(1)
	go health.RunServer(ctx.Done(), &running)
	factory := informers.NewSharedInformerFactory(client, 0)
	controller, err := newController(client, config, factory)
	if err != nil {
		return err
	}
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	health.SetAlive()
	beats := make(chan *healthcheck.ControllerHeartbeat, 10)
	running.Add(2)
	go health.RunCheck(beats, ctx.Done(), &running)
	go controller.Run(beats, ctx.Done(), &running)
	<-ctx.Done()
	running.Wait()
	return nil
}

func newController(client kubernetes.Interface, config *options.KubeRouterConfig,
	factory informers.SharedInformerFactory) (*netpol.NetworkPolicyController, error) {
	tables, sets, err := netpol.NewIPTablesHandlers(config)
	if err != nil {
		return nil, err
	}
	ranges, err := svcip.NewValidator(svcip.Config{
		ExternalIPCIDRs:   config.ExternalIPCIDRs,
		LoadBalancerCIDRs: config.LoadBalancerCIDRs,
		ClusterIPCIDRs:    config.ClusterIPCIDRs,
		StrictValidation:  config.StrictExternalIPValidation,
		EnableIPv4:        config.EnableIPv4,
		EnableIPv6:        config.EnableIPv6,
	})
	if err != nil {
		return nil, err
	}
	pods := factory.Core().V1().Pods().Informer()
	policies := factory.Networking().V1().NetworkPolicies().Informer()
	namespaces := factory.Core().V1().Namespaces().Informer()
	made, err := netpol.NewNetworkPolicyController(client, config, pods, policies, namespaces, &sync.Mutex{}, nil,
		tables, sets, ranges)
	if err != nil {
		return nil, err
	}
	return made, errors.Join(
		listen(pods, made.PodEventHandler),
		listen(policies, made.NetworkPolicyEventHandler),
		listen(namespaces, made.NamespaceEventHandler))
}

func listen(informer cache.SharedIndexInformer, handler cache.ResourceEventHandler) error {
	_, err := informer.AddEventHandler(handler)
	return err
}
